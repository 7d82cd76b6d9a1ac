// SPDX-License-Identifier: Apache-2.0
//
// What docs/service.md tells people to type works, and the systemd units are ones that systemd takes.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { TestStore } from '../support/cli.js';
import { cleanUp } from '../support/processes.js';
import { TestService } from '../support/service.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const image = join(root, 'test/golden/mixed.img');

describe('docs/service.md', () => {
  afterEach(() => cleanUp());

  it('curl examples are answered', async () => {
    const text = readFileSync(join(root, 'docs/service.md'), 'utf8');
    const block = text
      .split('```sh\n')
      .find((part) => part.startsWith('alias ask='))!
      .split('```')[0]!;
    const store = new TestStore();
    const service = await TestService.start(store);
    try {
      const script = `set -e\nshopt -s expand_aliases\n${block.replaceAll(/^ask .*$/gm, '$&; echo')}`;
      const env = { ...process.env, CKPT_SOCKET: service.socket, IMAGE: image };
      const out = execFileSync('bash', ['-c', script], { cwd: store.dir, env }).toString();
      expect(block.match(/^ask /gm)!.length).toBeGreaterThan(9);
      expect(out).toContain('"name":"nightly"');
      expect(readFileSync(join(store.dir, 'copy.img')).equals(readFileSync(image))).toBe(true);
      expect(readFileSync(join(store.dir, 'head.img')).equals(readFileSync(image).subarray(0, 4096))).toBe(true);
      expect(await service.stop()).toBe(0);
    } finally {
      service.remove();
      store.remove();
    }
  });
});

describe('contrib/systemd', () => {
  const analyze = spawnSync('systemd-analyze', ['--version']).status === 0;

  it('has units that systemd takes', () => {
    const dir = mkdtempSync(join(tmpdir(), 'ckpt-units-'));
    try {
      const unit = readFileSync(join(root, 'contrib/systemd/ckpt.service'), 'utf8');
      expect(unit).toMatch(/^ExecStart=\/usr\/bin\/env ckpt serve$/m);
      for (const setting of [
        'NoNewPrivileges=yes',
        'ProtectSystem=strict',
        'KillMode=process',
        'Requires=ckpt.socket',
      ]) {
        expect(unit).toContain(`${setting}\n`);
      }
      expect(readFileSync(join(root, 'contrib/systemd/ckpt.socket'), 'utf8')).toContain('SocketMode=0600\n');
      if (!analyze) return; // only a machine with systemd can say more
      writeFileSync(join(dir, 'ckpt.service'), unit);
      copyFileSync(join(root, 'contrib/systemd/ckpt.socket'), join(dir, 'ckpt.socket'));
      const verified = spawnSync('systemd-analyze', ['verify', '--man=no', './ckpt.service', './ckpt.socket'], {
        cwd: dir,
      });
      expect(verified.stderr.toString()).not.toMatch(/ckpt\.(service|socket)/);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
