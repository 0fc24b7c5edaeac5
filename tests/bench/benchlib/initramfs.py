# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes initramfs archives (cpio, newc), uncompressed, without being root."""
import os

S_DIRECTORY, S_FILE, S_CHAR = 0o040000, 0o100000, 0o020000


class Initramfs:
    """Collects members in memory; write() makes the archive."""

    def __init__(self):
        self.parts = []
        self.inode = 1
        self.folders = set()

    def _member(self, name, mode, data=b'', device=(0, 0)):
        fields = [self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, device[0], device[1],
                  len(name) + 1, 0]
        header = b'070701' + b''.join(b'%08X' % field for field in fields)
        self.inode += 1
        block = header + name.encode() + b'\0'
        block += b'\0' * (-len(block) % 4) + data
        self.parts.append(block + b'\0' * (-len(block) % 4))

    def folder(self, name):
        parent = os.path.dirname(name)
        if parent:
            self.folder(parent)
        if name not in self.folders:
            self.folders.add(name)
            self._member(name, S_DIRECTORY | 0o755)

    def file(self, name, data, mode=0o644):
        parent = os.path.dirname(name)
        if parent:
            self.folder(parent)
        self._member(name, S_FILE | mode, data)

    def device(self, name, major, minor):
        self.folder(os.path.dirname(name))
        self._member(name, S_CHAR | 0o600, device=(major, minor))

    def write(self, path):
        self._member('TRAILER!!!', 0)
        with open(path, 'wb') as out:
            for part in self.parts:
                out.write(part)


def make(path, program, modules=(), extra=()):
    """An archive whose init is @program. @modules: (name, bytes), in load order. @extra: files, as
    (name in the guest, path here)."""
    archive = Initramfs()
    archive.device('dev/console', 5, 1)
    with open(program, 'rb') as file:
        archive.file('init', file.read(), 0o755)
    for name, data in modules:
        archive.file(f'modules/{name}', data)
    if modules:
        archive.file('modules.list', ''.join(f'/modules/{name}\n' for name, _ in modules).encode())
    for name, source in extra:
        with open(source, 'rb') as file:
            archive.file(name, file.read(), 0o755)
    archive.write(path)
    return path
