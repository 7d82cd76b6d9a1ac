// SPDX-License-Identifier: Apache-2.0
//
// Brings the jars of Apache Kafka into a cache folder outside of the checkout, once per version. Maven resolves them from the
// repository that this machine's Maven is set up with, and -C makes a wrong checksum an error.
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure, installed, step } from '../lib/run.mjs';

/** The version that tests run against. */
export const KAFKA_VERSION = '3.9.1';
/** The version that most of them run against once more. */
export const KAFKA_VERSION_NEXT = '4.0.0';
/** The last minor version whose high watermark passes what one broker alone holds: for the test that says that this does no harm. */
export const KAFKA_VERSION_BEFORE = '3.6.2';

const pom = fileURLToPath(new URL('pom.xml', import.meta.url));

/** Folder of one version's jars. */
export function jarsDir(version = KAFKA_VERSION) {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'ckpt', `kafka-${version}`);
}

/** Resolves to the folder with the jars; downloads some 50 MB when it is not there yet. Failure says what is missing. */
export async function bringJars(version = KAFKA_VERSION) {
  if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Failure(`kafka: '${version}' is not a version like ${KAFKA_VERSION}`);
  if (!installed('java'))
    throw new Failure('kafka: java is missing (Debian package default-jre-headless, Java 17 or newer)');
  const dir = jarsDir(version);
  if (existsSync(dir)) return dir;
  if (!installed('mvn')) throw new Failure('kafka: mvn is missing (Debian package maven)');
  const partial = `${dir}.${process.pid}`;
  mkdirSync(dirname(dir), { recursive: true });
  try {
    await step(`Apache Kafka ${version}`, 'mvn', [
      ...['-q', '-B', '-ntp', '-C', '-Dmaven.wagon.http.retryHandler.count=5', '-f', pom, `-Dkafka.version=${version}`],
      ...['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${partial}`],
    ]);
    // Whole or not at all; another process may have been faster.
    if (!existsSync(dir)) renameSync(partial, dir);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return dir;
}
