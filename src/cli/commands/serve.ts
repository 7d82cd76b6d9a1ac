// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { CkptError } from '../../format/errors.js';
import { defaultLimits, type Limits } from '../../service/limits.js';
import {
  parseListenAddress,
  passedDescriptors,
  unixAddress,
  type ListenAddress,
} from '../../service/listen-address.js';
import { contextOf } from '../context.js';

interface ServeOptions {
  readonly listen?: string[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly logLevel: string;
  readonly grace: string;
  readonly stall: string;
  readonly headers: string;
  readonly maxStreams: string;
  readonly maxIngests: string;
  readonly maxRestarts: string;
  readonly maxImageBytes: string;
  readonly rate: string;
}

/** The socket of a store's service when no address is given. */
export function defaultSocket(store: string): string {
  return `${resolve(store)}/serve.sock`;
}

export function serveCommand(): Command {
  const { graceMs, stallMs, headersMs, imagesMax, ingestsMax, restartsMax, ingestBytesMax, requestsPerSecond } =
    defaultLimits;
  return new Command('serve')
    .description('the restore service: list, stream, take in and restart checkpoints over HTTP')
    .option(
      '--listen <address...>',
      "unix:PATH or HOST:PORT; without it, systemd's sockets, else serve.sock in the store's directory",
    )
    .option('--tls-cert <file>', 'certificate (PEM) of TCP addresses; without it they must be loopback')
    .option('--tls-key <file>', 'its private key (PEM)')
    .option('--grace <seconds>', 'how long running work may go on after SIGTERM', String(graceMs / 1000))
    .option('--stall <seconds>', 'how long a body, or the reader of a stream, may stand still', String(stallMs / 1000))
    .option('--headers <seconds>', "time for a request's headers, or a small body", String(headersMs / 1000))
    .option('--max-streams <n>', 'images streamed at once', String(imagesMax))
    .option('--max-ingests <n>', 'images taken in at once', String(ingestsMax))
    .option('--max-restarts <n>', 'restarts at once', String(restartsMax))
    .option('--max-image-bytes <bytes>', 'longest image that is taken in', String(ingestBytesMax))
    .option('--rate <n>', 'requests a second of a token without a rate of its own', String(requestsPerSecond))
    .addOption(
      new Option('--log-level <level>', 'of the log on standard error, a JSON object a line')
        .choices(['fatal', 'error', 'warn', 'info', 'debug', 'silent'])
        .default('info'),
    )
    .addHelpText(
      'after',
      `
A Unix socket that only its owner may open needs no token; everything else does (ckpt token add).
SIGTERM and SIGINT end it in order. docs/service.md has examples, docs/security.md what it trusts.`,
    )
    .action(async (options: ServeOptions, command: Command) => {
      const context = contextOf(command);
      context.refuseRemote();
      context.stopOnSignals();
      const addresses = addressesOf(options, context.settings.store);
      // Loaded here: what serves HTTP takes longer to load than most other commands to run.
      const [{ pino }, { Service }, { redaction }] = await Promise.all([
        import('pino'),
        import('../../service/service.js'),
        import('../../service/problems.js'),
      ]);
      const log = pino({ level: options.logLevel }, pino.destination({ dest: 2, sync: true }));
      await context.withStore('create', async (ckpt) => {
        const service = await Service.start({ ckpt, log, limits: limitsOf(options), addresses, ...tlsOf(options) });
        const urls = service.listeners.map(({ url }) => url);
        // Whoever reads the log is not told where the store is; whoever started the service knows.
        log.info({ urls: urls.map(redaction(ckpt.dir)) }, 'listening');
        if (context.json) context.printJson({ urls });
        else for (const url of urls) context.print(url);
        await new Promise<void>((done) => {
          if (context.signal.aborted) done();
          else context.signal.addEventListener('abort', () => done(), { once: true });
        });
        log.info('stopping');
        await service.stop();
        log.info('stopped');
      });
    });
}

function addressesOf({ listen }: ServeOptions, store: string): ListenAddress[] {
  if (listen?.length) return listen.map(parseListenAddress);
  const passed = passedDescriptors(process.env, process.pid);
  return passed.length ? passed : [unixAddress(defaultSocket(store))];
}

function tlsOf({ tlsCert: cert, tlsKey: key }: ServeOptions): { tls?: { cert: string; key: string } } {
  if (cert === undefined && key === undefined) return {};
  if (cert === undefined || key === undefined) throw new CkptError('usage', '--tls-cert and --tls-key go together');
  return { tls: { cert, key } };
}

function limitsOf(options: ServeOptions): Limits {
  const seconds = (name: string, text: string): number => numberOf(name, text, 0, 86_400) * 1000;
  const whole = (name: string, text: string): number => Math.trunc(numberOf(name, text, 1, 2 ** 53 - 1));
  return {
    ...defaultLimits,
    graceMs: seconds('grace', options.grace),
    stallMs: seconds('stall', options.stall),
    headersMs: seconds('headers', options.headers),
    imagesMax: whole('max-streams', options.maxStreams),
    ingestsMax: whole('max-ingests', options.maxIngests),
    restartsMax: whole('max-restarts', options.maxRestarts),
    ingestBytesMax: whole('max-image-bytes', options.maxImageBytes),
    requestsPerSecond: whole('rate', options.rate),
  };
}

function numberOf(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= min && value <= max) return value;
  throw new CkptError('usage', `--${name}: '${text}' is not a number from ${String(min)} to ${String(max)}`);
}
