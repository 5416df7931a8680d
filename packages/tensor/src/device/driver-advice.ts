// Node only. What to do on a machine where no WebGPU adapter answers: the driver's package and how each system installs
// it. The library's error, `forger doctor` and the set-up all take it from here.
import { existsSync, readFileSync } from 'node:fs';

/** What the advice depends on. */
export interface System {
  readonly platform: NodeJS.Platform;
  /** The text of /etc/os-release (os-release(5)); empty where there is none. */
  readonly osRelease: string;
  /** Whether commands need no sudo. */
  readonly root: boolean;
}

/** A clause that says what is to be done, and the commands, if any, that do it. */
export interface DriverAdvice {
  readonly what: string;
  readonly commands: readonly string[];
}

/** The system that this process runs on. */
export function thisSystem(): System {
  const file = ['/etc/os-release', '/usr/lib/os-release'].find((path) => existsSync(path));
  return {
    platform: process.platform,
    osRelease: file ? readFileSync(file, 'utf8') : '',
    root: process.getuid?.() === 0,
  };
}

/** The way to a Vulkan, Metal or Direct3D 12 driver on a system. */
export function driverAdvice(system: System = thisSystem()): DriverAdvice {
  if (system.platform === 'win32')
    return {
      what: "install the GPU's current driver from its maker or with Windows Update; Direct3D 12 is needed",
      commands: [],
    };
  if (system.platform === 'darwin')
    return {
      what: 'macOS brings the driver, but a GPU with Metal is needed, which most virtual machines lack; update macOS',
      commands: [],
    };
  return linuxAdvice(system);
}

/** The advice as one clause: what, then the commands, joined by `&&`, in backquotes. */
export function adviceText({ what, commands }: DriverAdvice): string {
  return commands.length === 0 ? what : `${what}: \`${commands.join(' && ')}\``;
}

function linuxAdvice({ osRelease, root }: System): DriverAdvice {
  const value = (name: string) => new RegExp(`^${name}="?([^"\\n]*)`, 'm').exec(osRelease)?.[1] ?? '';
  const families = `${value('ID')} ${value('ID_LIKE')}`.split(/\s+/);
  const codename = value('UBUNTU_CODENAME') || value('VERSION_CODENAME');
  const sudo = root ? '' : 'sudo ';
  const install = (command: string): DriverAdvice => ({
    what: "install Mesa's Vulkan drivers (an NVIDIA GPU needs NVIDIA's own driver instead)",
    commands: [`${sudo}${command}`],
  });
  if (families.includes('alpine'))
    return {
      what: 'Dawn, which drives the GPU, needs glibc, and Alpine has musl: use Debian or Ubuntu, such as the image node:22-trixie',
      commands: [],
    };
  if (codename === 'bookworm')
    return {
      what: "Debian 12's own Mesa (22.3) is too old for Dawn: add bookworm-backports to apt's sources, as bookworm itself is there, and install that of the backports (an NVIDIA GPU needs NVIDIA's own driver instead)",
      commands: [
        `${sudo}apt-get update`,
        `${sudo}apt-get install -t bookworm-backports mesa-vulkan-drivers libvulkan1`,
      ],
    };
  if (families.includes('debian') || families.includes('ubuntu')) {
    const { what, commands } = install('apt-get install mesa-vulkan-drivers libvulkan1');
    return { what, commands: [`${sudo}apt-get update`, ...commands] };
  }
  if (families.some((family) => family === 'fedora' || family === 'rhel'))
    return install('dnf install mesa-vulkan-drivers vulkan-loader');
  if (families.includes('arch')) return install('pacman -S vulkan-swrast vulkan-icd-loader');
  if (families.some((family) => /suse/.test(family)))
    return install('zypper install libvulkan_lvp libvulkan1');
  return {
    what: "install the GPU's Vulkan driver, or Mesa's software driver (lavapipe), and a Vulkan loader (libvulkan.so.1)",
    commands: [],
  };
}
