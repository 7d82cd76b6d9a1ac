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
  properties?: Record<string, string | number>;
  /** Told the brokers' ports before they start. */
  onPorts?: (ports: readonly number[]) => void;
}): Promise<KafkaCluster>;
