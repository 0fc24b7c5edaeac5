#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""po/POTFILES names exactly the files with texts for translators. Prints TAP."""
import os
import re
import sys

MARKED = re.compile(r'(?<!\w)(?:_|N_|g_dngettext|ngettext) \("')


def marked_files(root):
    for top in ('src', 'xml', 'tools'):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in names:
                path = os.path.join(folder, name)
                if name.endswith(('.c', '.h')):
                    with open(path, encoding='utf-8') as file:
                        if MARKED.search(file.read()):
                            yield os.path.relpath(path, root)


def main(root):
    with open(os.path.join(root, 'po/POTFILES'), encoding='utf-8') as file:
        listed = {line.strip() for line in file if line.strip() and line[0] != '#'}
    marked = set(marked_files(root))
    cases = [('every file with texts is listed', marked - listed),
             ('every listed file has texts', listed - marked)]
    print(f'1..{len(cases)}')
    for number, (title, files) in enumerate(cases, 1):
        print(f'{"not ok" if files else "ok"} {number} {title}')
        for path in sorted(files):
            print(f'# {path}')
    return 1 if any(files for _, files in cases) else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
