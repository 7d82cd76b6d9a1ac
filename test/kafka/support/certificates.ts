// SPDX-License-Identifier: Apache-2.0
//
// A certificate authority of the test's own, and what it signs, made by openssl: PEM files that brokers and clients take.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

function openssl(dir: string, ...args: string[]): void {
  execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
}

export class Authority {
  constructor(readonly dir: string) {
    const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=test authority'];
    openssl(dir, ...request, '-keyout', 'ca.key', '-out', 'ca.pem');
  }

  get ca(): string {
    return join(this.dir, 'ca.pem');
  }

  /** NAME.key (PKCS#8), NAME.pem (the certificate) and NAME.both.pem in the directory. */
  sign(name: string, subjectAltName = 'IP:127.0.0.1,DNS:localhost'): { key: string; cert: string; both: string } {
    const [key, cert, both] = ['key', 'pem', 'both.pem'].map((end) => join(this.dir, `${name}.${end}`)) as [
      string,
      string,
      string,
    ];
    const request = ['req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`];
    openssl(this.dir, ...request, '-keyout', key, '-out', `${name}.csr`);
    writeFileSync(join(this.dir, `${name}.ext`), `subjectAltName=${subjectAltName}\n`);
    const signing = ['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'];
    openssl(this.dir, ...signing, '-days', '30', '-extfile', `${name}.ext`, '-out', cert);
    writeFileSync(both, readFileSync(key, 'utf8') + readFileSync(cert, 'utf8'));
    return { key, cert, both };
  }
}
