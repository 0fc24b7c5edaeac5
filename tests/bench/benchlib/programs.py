# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real programs: Debian's packages of both architectures unpacked into trees, with the scripts of
../programs and their input data; for the guest as a disk image."""
import os
import platform
import random
import shutil
import subprocess

from . import debian

SCRIPTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'programs')
# What the scripts use; apt adds what these need.
PACKAGES = ['base-files', 'dash', 'coreutils', 'python3-minimal', 'libpython3-stdlib', 'perl-base',
            'lua5.4', 'gcc', 'libc6-dev', 'xz-utils', 'zstd', 'gzip', 'sqlite3', 'gawk', 'grep', 'sed',
            'tar', 'bash', 'diffutils', 'findutils', 'bc']
WORDS = 3000
TEXT_LINES = 60000


def make_text(path):
    """Text with the skew of natural language, the same on every machine."""
    rng = random.Random(7)
    letters = 'etaoinshrdlucmfwypvbgkjqxz'
    words = [''.join(rng.choices(letters, [26 - i for i in range(26)], k=rng.randrange(2, 11)))
             for _ in range(WORDS)]
    weights = [1 / (rank + 1) for rank in range(WORDS)]
    with open(path, 'w', encoding='ascii') as file:
        for number in range(TEXT_LINES):
            file.write(f'{number * 7919 % 100003} {" ".join(rng.choices(words, weights, k=9))}\n')


def make_tree(work, suite, architecture, mirror=None):
    """A tree of packages, scripts and data. Returns its path."""
    tree = os.path.join(work, f'programs-{architecture}')
    debian.Apt(work, suite, architecture, mirror).unpack(PACKAGES, tree)
    for folder in ('bench', 'tmp', 'proc', 'dev', 'root'):
        os.makedirs(os.path.join(tree, folder), exist_ok=True)
    os.chmod(os.path.join(tree, 'tmp'), 0o1777)
    for name in sorted(os.listdir(SCRIPTS)):
        shutil.copy(os.path.join(SCRIPTS, name), os.path.join(tree, 'bench', name))
    make_text(os.path.join(tree, 'bench/text'))
    return tree


def native_tree(work, suite, mirror=None):
    names = {'x86_64': 'amd64', 'aarch64': 'arm64'}
    return make_tree(work, suite, names[platform.machine()], mirror)


def guest_disk(work, suite, mirror=None):
    """An ext4 image of the riscv64 tree. Returns its path."""
    tree = make_tree(work, suite, 'riscv64', mirror)
    image = os.path.join(work, 'programs.ext4')
    with open(image, 'wb') as file:
        file.truncate(1536 << 20)
    subprocess.run(['mkfs.ext4', '-q', '-F', '-d', tree, image], check=True,
                   env={**os.environ, 'PATH': os.environ['PATH'] + ':/usr/sbin:/sbin'})
    return image


def prepare_native(tree):
    """What the scripts need of /dev in a plain chroot."""
    null = os.path.join(tree, 'dev/null')
    if not os.path.exists(null):
        subprocess.run(['mknod', '-m', '666', null, 'c', '1', '3'], check=True)
