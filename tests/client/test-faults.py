#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Full disks and read-only homes: what cannot be done is refused in words that name the file, what
was there stays, and all goes on as soon as there is room.

Runs in a mount namespace of its own, with a small file system in place of each of the daemon's
folders."""
import errno
import os
import re
import shutil
import subprocess
import sys

from clientlib import DEADLINE, Daemon, domain_xml, run_file, wait_for

SIZES = {'config': '3m', 'state': '3m', 'log': '1m'}
NO_ROOM = 'No space left on device'

daemon = None


def mount(*args):
    subprocess.run(['mount', *args], check=True, capture_output=True)


class SmallDaemon(Daemon):
    """A daemon whose folders are file systems of a few MiB."""

    def __init__(self):
        super().__init__()
        self.terminate()
        for name, size in SIZES.items():
            folder = self.path(name)
            os.makedirs(folder, exist_ok=True)
            shutil.rmtree(folder)
            os.mkdir(folder)
            mount('-t', 'tmpfs', '-o', f'size={size}', 'none', folder)
        self.start()

    def path(self, *names):
        return os.path.join(self.root, *names)

    def terminate(self):
        self.process.terminate()
        assert self.process.wait(DEADLINE) == 0

    def fill(self, name):
        """Leaves no byte in a folder."""
        with open(self.path(name, 'filling'), 'wb', buffering=0) as file:
            for size in (65536, 512, 1):
                try:
                    while file.write(b'x' * size):
                        pass
                except OSError as error:
                    assert error.errno == errno.ENOSPC

    def make_room(self, name):
        os.unlink(self.path(name, 'filling'))

    def files(self, name):
        return sorted(os.path.relpath(os.path.join(folder, file), self.path(name))
                      for folder, _, files in os.walk(self.path(name)) for file in files)

    def stop(self):
        try:
            super().stop()
        finally:
            for name in SIZES:
                subprocess.run(['umount', '-l', self.path(name)], check=False, capture_output=True)
            shutil.rmtree(self.root, ignore_errors=True)


def test_define_without_room():
    """Neither a new definition nor a change of an old one; the old one is as it was."""
    daemon.define('old', memory=32)
    uuid = daemon.ok('domuuid', 'old').strip()
    before = daemon.ok('dumpxml', 'old')
    daemon.fill('config')
    daemon.fails(NO_ROOM, 'define', daemon.write('new.xml', domain_xml('new')))
    daemon.fails(NO_ROOM, 'define', daemon.write('old.xml', domain_xml('old', memory=64, uuid=uuid)))
    daemon.fails('make room', 'desc', 'old', '--config', 'a new description')
    assert daemon.ok('list', '--all', '--name').split() == ['old']
    assert daemon.ok('dumpxml', 'old') == before
    daemon.ok('start', 'old')           # which needs no room there
    assert daemon.state('old') == 'running'
    daemon.ok('destroy', 'old')
    daemon.terminate()
    daemon.start()
    assert daemon.ok('dumpxml', 'old') == before
    daemon.ok('undefine', 'old')        # and what was to be forgotten is
    daemon.terminate()
    daemon.start()
    assert not daemon.ok('list', '--all', '--name').split()
    daemon.make_room('config')
    daemon.define('new')
    assert not [name for name in daemon.files('config') if '.new' in name]


def test_first_define_without_room():
    """Where not even the journal can be made."""
    daemon.terminate()
    for name in os.listdir(daemon.path('config')):
        path = daemon.path('config', name)
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    daemon.start()
    daemon.fill('config')
    daemon.fails(NO_ROOM, 'define', daemon.write('new.xml', domain_xml('new')))
    assert not daemon.ok('list', '--all', '--name').split()
    daemon.make_room('config')
    daemon.define('new')


def test_save_without_room():
    """A domain that cannot be saved runs on, and nothing of the attempt is left."""
    daemon.define()
    daemon.ok('start', 'vm')
    daemon.fill('state')
    before = daemon.files('state')
    for command in (('managedsave', 'vm'), ('save', 'vm', daemon.path('state', 'file'))):
        daemon.fails(NO_ROOM, *command)
        daemon.await_state('running')
        assert daemon.files('state') == before
    assert 'no' in re.search('Managed save: *(.*)', daemon.ok('dominfo', 'vm'))[1]
    daemon.make_room('state')
    daemon.ok('managedsave', 'vm')
    daemon.ok('start', 'vm')
    assert daemon.reason() == 'running (restored)'


def test_start_without_room_for_logs():
    """Messages may get lost, and the console's log; a machine does not."""
    daemon.define(extra='', devices=f'''
    <serial type='pty'><log file='{daemon.path("log", "console")}'/></serial>''')
    daemon.fill('log')
    daemon.ok('start', 'vm')
    assert daemon.state() == 'running'
    daemon.ok('destroy', 'vm')
    daemon.make_room('log')
    daemon.ok('start', 'vm')
    wait_for('the console is logged', lambda: os.path.getsize(daemon.path('log', 'console')) > 0)


def test_read_only_home():
    """What is there is shown and can run; what would change it is refused."""
    daemon.define()
    daemon.ok('start', 'vm')
    daemon.terminate()
    for name in ('config', 'state'):
        mount('-o', 'remount,bind,ro', daemon.path(name))
    try:
        daemon.start()
        assert daemon.state() == 'running'
        daemon.fails('Read-only file system', 'define', daemon.write('b.xml', domain_xml('b')))
        daemon.fails('Read-only file system', 'autostart', 'vm')
        daemon.fails('Read-only file system', 'desc', 'vm', '--config', 'text')
        daemon.fails('Read-only file system', 'managedsave', 'vm')
        daemon.await_state('running')
        daemon.fails('Read-only file system', 'undefine', 'vm')
        daemon.ok('destroy', 'vm')
        assert daemon.ok('list', '--all', '--name').split() == ['vm']
        daemon.ok('start', 'vm')
        assert daemon.state() == 'running'
    finally:
        for name in ('config', 'state'):
            mount('-o', 'remount,bind,rw', daemon.path(name))
    daemon.ok('autostart', 'vm')
    daemon.ok('autostart', 'vm', '--disable')


def test_killed_then_read_only():
    """The journal of a daemon that was killed says nothing that is not in the files already."""
    daemon.define()
    daemon.ok('desc', 'vm', '--config', 'kept')
    daemon.kill()
    mount('-o', 'remount,bind,ro', daemon.path('config'))
    try:
        daemon.start()
        assert daemon.ok('desc', 'vm').strip() == 'kept'
        daemon.fails('Read-only file system', 'define', daemon.write('b.xml', domain_xml('b')))
    finally:
        mount('-o', 'remount,bind,rw', daemon.path('config'))
    daemon.define('b')
    daemon.terminate()
    daemon.start()
    assert sorted(daemon.ok('list', '--all', '--name').split()) == ['b', 'vm']


def test_no_place_to_run():
    """Where its sockets cannot be made, the daemon does not start, and says what it lacks."""
    folder = daemon.path('sealed')
    os.mkdir(folder)
    mount('-t', 'tmpfs', '-o', 'ro', 'none', folder)
    result = subprocess.run([os.environ['COPPICE_DAEMON'], '--session', '--root', folder],
                            capture_output=True, text=True, timeout=DEADLINE, check=False)
    subprocess.run(['umount', '-l', folder], check=True)
    assert result.returncode == 1, result
    assert re.search(f'virtcoppiced: .*{folder}.*Read-only file system', result.stderr), result.stderr


def main():
    # The namespace; with a user namespace where that is what it takes.
    if os.environ.get('COPPICE_FAULTS') != 'here':
        unshare = ['unshare', '--mount', '--propagation', 'private']
        if os.geteuid() != 0:
            unshare += ['--user', '--map-root-user']
        try:
            probe = subprocess.run(unshare + ['true'], capture_output=True, text=True, check=False)
            why = probe.stderr.strip()
        except FileNotFoundError as error:
            why = str(error)
        if why:
            if os.environ.get('COPPICE_CHECK') and os.geteuid() == 0:
                print(f'1..0\nBail out! no mount namespace can be made: {why}')
                return 1
            print(f'1..0 # SKIP no mount namespace can be made: {why}')
            return 0
        os.execvpe(unshare[0], unshare + [sys.executable] + sys.argv,
                   dict(os.environ, COPPICE_FAULTS='here'))
    return run_file(globals(), daemon_class=SmallDaemon)


if __name__ == '__main__':
    sys.exit(main())
