#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a test as an ordinary user: as-user.py TEST. Root gives up its rights for that, with a home,
run-time folders and copies of the programs that the user can reach; other users just run it."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

USER = 65534
# Root's Python may be where others cannot go.
PYTHON = '/usr/bin/python3' if os.access('/usr/bin/python3', os.X_OK) else sys.executable
PATH = '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin'
PROGRAMS = ('COPPICE_DAEMON', 'COPPICE_VM', 'COPPICE_VMTOOL', 'COPPICE_GUEST')


def main():
    test = os.path.abspath(sys.argv[1])
    if os.geteuid() != 0:
        os.execv(sys.executable, [sys.executable, test])
    home = tempfile.mkdtemp(prefix='cop-user-', dir='/tmp')
    try:
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith('XDG_')}
        environment.update(HOME=home, XDG_RUNTIME_DIR=os.path.join(home, 'run'), USER='nobody',
                           LOGNAME='nobody', PATH=PATH)
        os.mkdir(environment['XDG_RUNTIME_DIR'])
        tests = shutil.copytree(os.path.dirname(test), os.path.join(home, 'tests'),
                                ignore=shutil.ignore_patterns('__pycache__'))
        for name in PROGRAMS:
            if name in environment:
                # With what it loads from beside it.
                for part in glob.glob(environment[name] + '-*.so'):
                    shutil.copy(part, home)
                environment[name] = shutil.copy(environment[name], home)
        if 'COPPICE_UNITS' in environment:
            for number, source in enumerate(environment['COPPICE_UNITS'].split(':')):
                shutil.copytree(source, os.path.join(home, f'units{number}'), symlinks=True,
                                ignore=shutil.ignore_patterns('*.p'))
            environment['COPPICE_UNITS'] = ':'.join(
                os.path.join(home, name) for name in os.listdir(home) if name.startswith('units'))
        for folder, _, files in os.walk(home):
            for path in [folder] + [os.path.join(folder, name) for name in files]:
                os.chown(path, USER, USER)
        # Its output, and the test's name for the one who runs it, are as they would be without us.
        return subprocess.run(
            ['setpriv', f'--reuid={USER}', f'--regid={USER}', '--clear-groups', '--no-new-privs',
             PYTHON, os.path.join(tests, os.path.basename(test))],
            env=environment, cwd=home, check=False).returncode
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
