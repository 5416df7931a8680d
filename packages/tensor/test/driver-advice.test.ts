// What a machine without an adapter is told to do, system by system.
import { describe, expect, test } from 'vitest';
import { adviceText, driverAdvice } from '../src/device/driver-advice.ts';

const linux = (osRelease: string, root = false) => driverAdvice({ platform: 'linux', osRelease, root });

const BOOKWORM = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n';
const TRIXIE = 'VERSION_CODENAME=trixie\nID=debian\n';
const NOBLE = 'VERSION_CODENAME=noble\nID=ubuntu\nID_LIKE=debian\nUBUNTU_CODENAME=noble\n';
const MINT = 'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_CODENAME=wilma\nUBUNTU_CODENAME=noble\n';
const FEDORA = 'NAME="Fedora Linux"\nID=fedora\n';
const ROCKY = 'ID="rocky"\nID_LIKE="rhel centos fedora"\n';

describe('the way to a driver', () => {
  test('on Debian 12 goes by its backports, and says to add them to the sources first', () => {
    const { what, commands } = linux(BOOKWORM);
    expect(what).toContain("add bookworm-backports to apt's sources");
    expect(commands).toHaveLength(2);
    expect(commands[1]).toContain('-t bookworm-backports mesa-vulkan-drivers libvulkan1');
    expect(linux(BOOKWORM, true).commands.join()).not.toContain('sudo');
  });

  test.each([
    ['newer Debian', TRIXIE],
    ['Ubuntu', NOBLE],
    ['a system made from Ubuntu', MINT],
  ])("on %s is the system's own package", (_, release) => {
    expect(linux(release).commands).toEqual([
      'sudo apt-get update',
      'sudo apt-get install mesa-vulkan-drivers libvulkan1',
    ]);
  });

  test.each([
    ['Fedora', FEDORA, 'sudo dnf install mesa-vulkan-drivers vulkan-loader'],
    ['Rocky', ROCKY, 'sudo dnf install mesa-vulkan-drivers vulkan-loader'],
    ['Arch', 'ID=arch\n', 'sudo pacman -S vulkan-swrast vulkan-icd-loader'],
    [
      'openSUSE',
      'ID="opensuse-leap"\nID_LIKE="suse opensuse"\n',
      'sudo zypper install libvulkan_lvp libvulkan1',
    ],
  ])('on %s is its package manager', (_, release, command) => {
    expect(linux(release).commands).toEqual([command]);
  });

  test('is no command on Alpine, macOS, Windows and unknown systems', () => {
    expect(linux('ID=alpine\n')).toMatchObject({ what: expect.stringContaining('glibc'), commands: [] });
    expect(linux('')).toMatchObject({ what: expect.stringContaining('libvulkan.so.1'), commands: [] });
    for (const [platform, word] of [
      ['darwin', 'Metal'],
      ['win32', 'Direct3D 12'],
    ] as const)
      expect(driverAdvice({ platform, osRelease: '', root: false })).toMatchObject({
        what: expect.stringContaining(word),
        commands: [],
      });
  });

  test('is one line for an error', () => {
    expect(adviceText(linux(TRIXIE, true))).toBe(
      "install Mesa's Vulkan drivers (an NVIDIA GPU needs NVIDIA's own driver instead): `apt-get update && apt-get install mesa-vulkan-drivers libvulkan1`",
    );
    expect(adviceText(linux(''))).not.toContain('`');
  });
});
