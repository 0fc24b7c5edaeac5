# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian packages of another architecture or suite by apt's own means, in a folder of ours: the
system's package state is not touched, and apt verifies signatures and hashes.

The mirror is the one that the system's own apt configuration names.
"""
import glob
import lzma
import os
import re
import subprocess

KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
MODULES = ['virtio_mmio', 'virtio_blk', 'virtio_net', 'ext4']


def system_mirror():
    """The first Debian mirror in the system's apt configuration."""
    uris = subprocess.run(['apt-get', 'indextargets', '--format', '$(REPO_URI)'], check=True,
                          capture_output=True, text=True).stdout.split()
    for uri in uris:
        if uri.rstrip('/').endswith('/debian'):
            return uri
    raise RuntimeError("apt's configuration names no mirror of Debian; name one with --mirror")


class Apt:
    """A private apt for one suite and architecture."""

    def __init__(self, work, suite, architecture, mirror=None):
        self.folder = os.path.join(work, f'apt-{suite}-{architecture}')
        self.suite, self.architecture = suite, architecture
        self.mirror = mirror or system_mirror()
        sources = os.path.join(self.folder, 'sources.list')
        for sub in ('lists/partial', 'archives/partial'):
            os.makedirs(os.path.join(self.folder, sub), exist_ok=True)
        open(os.path.join(self.folder, 'status'), 'a', encoding='ascii').close()
        suites = [suite]
        if suite.endswith('-backports'):
            suites.append(suite.removesuffix('-backports'))
        updated = os.path.join(self.folder, 'updated')
        with open(sources, 'w', encoding='ascii') as file:
            for name in suites:
                file.write(f'deb [arch={architecture} signed-by={KEYRING}] '
                           f'{self.mirror} {name} main\n')
        if not os.path.exists(updated):
            self.get('update')
            open(updated, 'w', encoding='ascii').close()

    def options(self):
        pairs = {'APT::Architecture': self.architecture, 'APT::Architectures::': self.architecture,
                 'Dir::State': '', 'Dir::State::lists': 'lists', 'Dir::State::status': 'status',
                 'Dir::Cache': '', 'Dir::Cache::archives': 'archives',
                 'Dir::Etc::sourcelist': 'sources.list'}
        for key, value in pairs.items():
            if key.startswith('Dir::'):
                value = os.path.join(self.folder, value)
            yield from ('-o', f'{key}={value}')
        for setting in ('Dir::Etc::sourceparts=/dev/null', 'Dir::Etc::preferencesparts=/dev/null',
                        'Acquire::Languages=none', 'APT::Install-Recommends=false',
                        'APT::Sandbox::User=root', 'Debug::NoLocking=true'):
            yield from ('-o', setting)

    def get(self, *arguments, **keywords):
        return self.run('apt-get', '-qq', *arguments, **keywords)

    def run(self, program, *arguments, **keywords):
        """What a program of apt's printed. Raises RuntimeError with what it complained about."""
        done = subprocess.run([program, *self.options(), *arguments], check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, **keywords)
        # apt-get update only warns about what it cannot reach.
        complaints = [line for line in done.stderr.splitlines() if line.startswith(('E:', 'W:'))]
        if done.returncode or (arguments[-1:] == ('update',) and complaints):
            raise RuntimeError(f'{program} {arguments[-1]}: nothing of Debian suite "{self.suite}" for '
                               f'{self.architecture} from {self.mirror}: ' + '; '.join(complaints) +
                               '; name another mirror with --mirror, or another suite')
        return done.stdout

    def depends(self, package):
        """Names of the packages that @package depends on directly."""
        text = self.run('apt-cache', 'show', '--no-all-versions', package)
        depends = re.search(r'^Depends: (.*)$', text, re.M)
        return re.findall(r'([a-z0-9.+-]+)(?: \([^)]*\))?', depends.group(1)) if depends else []

    def download(self, package):
        """Only @package. Returns the path of the file."""
        archives = os.path.join(self.folder, 'archives')
        found = glob.glob(os.path.join(archives, f'{package}_*.deb'))
        if not found:
            self.get('download', package, cwd=archives)
            found = glob.glob(os.path.join(archives, f'{package}_*.deb'))
        return found[0]

    def unpack(self, packages, target, release=None):
        """@packages with all they depend on, unpacked at @target, once."""
        done = os.path.join(target, '.unpacked')
        wanted = ' '.join(packages)
        if os.path.exists(done) and open(done, encoding='ascii').read() == wanted:
            return
        os.makedirs(target, exist_ok=True)
        choice = ['-t', release] if release else []
        uris = self.get('install', '--print-uris', '-y', *choice, *packages)
        names = re.findall(r"^'[^']+' (\S+\.deb) ", uris, re.M)
        self.get('install', '--download-only', '-y', *choice, *packages)
        for name in names:
            subprocess.run(['dpkg-deb', '-x', os.path.join(self.folder, 'archives', name), target],
                           check=True)
        with open(done, 'w', encoding='ascii') as file:
            file.write(wanted)


def fetch_kernel(work, suite, mirror=None):
    """The suite's riscv64 kernel. Returns (path of the kernel, folder of its modules)."""
    apt = Apt(work, suite, 'riscv64', mirror)
    image = next(name for name in apt.depends('linux-image-riscv64') if name.startswith('linux-image-'))
    target = os.path.join(work, image)
    if not os.path.isdir(target):
        subprocess.run(['dpkg-deb', '-x', apt.download(image), target], check=True)
    kernel = glob.glob(os.path.join(target, 'boot/vmlinu[xz]-*'))[0]
    modules = (glob.glob(os.path.join(target, 'usr/lib/modules/*')) +
               glob.glob(os.path.join(target, 'lib/modules/*')))[0]
    return kernel, modules


def fetch_qemu(work, suite, mirror=None):
    """QEMU's system emulator of @suite, for this machine. Returns the folder that it and all it needs
    is unpacked in."""
    machine = subprocess.run(['dpkg', '--print-architecture'], check=True, capture_output=True,
                             text=True).stdout.strip()
    target = os.path.join(work, f'qemu-{suite}')
    apt = Apt(work, suite, machine, mirror)
    release = suite if suite.endswith('-backports') else None
    package = 'qemu-system-riscv' if suite not in ('bookworm', 'bullseye') else 'qemu-system-misc'
    apt.unpack([package, 'opensbi', 'ipxe-qemu'], target, release)
    return target


def load_modules(folder, names=None):
    """The modules @names and what they need, as (file name, contents), in load order. Built-in ones
    are left out."""
    files = {}
    for path in glob.glob(os.path.join(folder, '**/*.ko*'), recursive=True):
        files[os.path.basename(path).split('.ko')[0].replace('-', '_')] = path
    order, seen = [], set()

    def visit(name):
        name = name.replace('-', '_')
        if name in seen or name not in files:
            return
        seen.add(name)
        with open(files[name], 'rb') as file:
            data = file.read()
        if files[name].endswith('.xz'):
            data = lzma.decompress(data)
        depends = re.search(rb'\0depends=([^\0]*)\0', data)
        # ext4 asks for its checksum by name, which no dependency shows.
        extra = [b'crc32c_generic', b'libcrc32c'] if name == 'ext4' else []
        for need in (depends.group(1).split(b',') if depends else []) + extra:
            visit(need.decode())
        order.append((f'{name}.ko', data))

    for name in names or MODULES:
        visit(name)
    return order
