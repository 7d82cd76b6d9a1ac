// SPDX-License-Identifier: Apache-2.0

/** One broker, a child process of whoever started it. */
export interface KafkaBroker {
  readonly id: number;
  readonly port: number;
  /** HOST:PORT. */
  readonly address: string;
  readonly pid: number | undefined;
  readonly dir: string;
  readonly logFile: string;
  /** Starts it again after a stop. */
  start(): void;
  ready(): Promise<void>;
  signal(name: NodeJS.Signals): void;
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Resolves when it has ended by itself. */
  ended(): Promise<void>;
  logTail(): string;
}

export interface KafkaCluster {
  readonly brokers: readonly KafkaBroker[];
  /** HOST:PORT,HOST:PORT as a log's URL has them. */
  readonly addresses: string;
  readonly dir: string;
  stop(): Promise<void>;
}

export function startCluster(options?: {
  brokers?: number;
  version?: string;
  heap?: string;
  dir?: string;
  /** Address that the brokers listen on; 127.0.0.1 unless given. */
  host?: string;
  /** More arguments of Kafka's storage tool, as `--add-scram`. */
  formatOptions?: readonly string[];
  /** NAME://HOST:PORT of listeners beside the plain one, for a single broker. */
  listeners?: readonly string[];
  properties?: Record<string, string | number>;
  /** Told the brokers' ports before they start. */
  onPorts?: (ports: readonly number[]) => void;
}): Promise<KafkaCluster>;
