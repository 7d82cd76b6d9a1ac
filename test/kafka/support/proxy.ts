// SPDX-License-Identifier: Apache-2.0
//
// A wire that can be cut: a TCP proxy before a broker, which ends connections after a number of bytes in one direction.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class Wire {
  /** Bytes to the broker (requests) or from it (answers) after which the connection that carries them is cut. Infinity: never. */
  readonly cutAfter = { requests: Infinity, answers: Infinity };
  cuts = 0;
  private readonly frozen = new WeakSet<Socket>();
  private target = 0;
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {
    server.on('connection', (client) => this.carry(client));
  }

  static async open(): Promise<Wire> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Wire(server);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  leadTo(port: number): void {
    this.target = port;
  }

  /** The connections that there are carry nothing any more, and stay open; new ones are well. */
  freeze(): void {
    for (const socket of this.sockets) this.frozen.add(socket);
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private carry(client: Socket): void {
    const broker = connect(this.target, '127.0.0.1');
    const end = (): void => {
      client.destroy();
      broker.destroy();
    };
    for (const socket of [client, broker]) {
      this.sockets.add(socket);
      socket.on('error', end);
      socket.on('close', () => this.sockets.delete(socket));
    }
    // A client that goes leaves what it has sent: the broker may still take it.
    client.on('close', () => broker.end());
    broker.on('close', () => client.destroy());
    this.pass(client, broker, 'requests', end);
    this.pass(broker, client, 'answers', end);
  }

  private pass(from: Socket, to: Socket, direction: 'requests' | 'answers', end: () => void): void {
    from.on('data', (chunk) => {
      if (this.frozen.has(from)) return;
      const left = this.cutAfter[direction];
      this.cutAfter[direction] -= chunk.length;
      if (chunk.length < left) {
        to.write(chunk);
        return;
      }
      this.cutAfter[direction] = Infinity;
      this.cuts++;
      // What comes before the cut still arrives.
      to.write(chunk.subarray(0, left), () => end());
    });
  }
}
