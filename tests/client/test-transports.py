#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ways to the daemon: ssh, explicit sockets, no TCP, units of systemd, libvirt's own start of it,
and polkit at the system's door. Nothing of it leaves this host or touches its services.

    COPPICE_UNITS    folders of units and of polkit's actions, with a colon between
"""
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile

from clientlib import DEADLINE, Skip, domain_xml, need_program, run_file, wait_for

USER = 65534

# What the far host's `nc -U PATH` does.
NC = '''#!/usr/bin/python3
import os, socket, sys, threading
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[sys.argv.index('-U') + 1])
def up():
    while data := os.read(0, 65536):
        s.sendall(data)
    s.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := s.recv(65536):
    os.write(1, data)
'''
# What sshd does with the command of a client: its user's shell runs it.
SSH = '''#!/bin/sh
printf '%s\\n' "$@" >>"$0.log"
for last; do :; done
exec sh -c "$last"
'''

daemon = None


def script(name, text):
    path = daemon.write(name, text)
    os.chmod(path, 0o755)
    return path


def peer(path):
    """Who listens there."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        return struct.unpack('3i', client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]


def end(pid):
    os.kill(pid, signal.SIGTERM)
    wait_for('it has ended', lambda: not os.path.exists(f'/proc/{pid}/exe'))


def test_explicit_sockets():
    for uri in (f'coppice:///session?socket={daemon.socket}',
                f'coppice+unix:///session?socket={daemon.socket}',
                f'coppice+unix:///session?socket={daemon.socket}&mode=direct'):
        assert 'Coppice' in daemon.ok('version', uri=uri)
    daemon.fails('No such file', 'uri', uri='coppice+unix:///session?socket=/nowhere')


def test_ssh():
    """The command lines that libvirt's client, and ours, send to the far host."""
    ssh, netcat = script('ssh', SSH), script('nc', NC)
    uri = (f'coppice+ssh://me@far.example:2222/session?socket={daemon.socket}&command={ssh}'
           f'&netcat={netcat}&no_verify=1')
    daemon.define('far')
    daemon.ok('start', 'far', uri=uri)
    assert daemon.ok('domstate', 'far', uri=uri).strip() == 'running'
    daemon.ok('destroy', 'far', uri=uri)
    with open(f'{ssh}.log', encoding='utf-8') as file:
        words = file.read().split('\n')
    assert 'far.example' in words and '2222' in words and 'me' in words, words
    vmtool = os.environ.get('COPPICE_VMTOOL')
    if vmtool:
        os.unlink(f'{ssh}.log')
        result = subprocess.run([vmtool, '-c', uri, 'list', '--all', '--name'], text=True,
                                capture_output=True, timeout=DEADLINE, check=False)
        assert result.returncode == 0 and 'far' in result.stdout, result
        assert os.path.exists(f'{ssh}.log'), 'vmtool did not go through ssh'


def test_program():
    """A program of one's own carries the connection."""
    carrier = script('carrier', f'#!/bin/sh\nexec {script("nc", NC)} -U {daemon.socket}\n')
    assert 'Coppice' in daemon.ok('version', uri=f'coppice+ext:///session?command={carrier}')


def test_sshd():
    """With OpenSSH's own server on a port of this host's loopback, where it is installed."""
    server = shutil.which('sshd', path='/usr/sbin:/usr/local/sbin')
    if server is None or shutil.which('ssh') is None:
        raise Skip('OpenSSH is not installed')
    folder = os.path.join(daemon.root, 'sshd')
    os.mkdir(folder, 0o700)
    for name in ('host', 'user'):
        subprocess.run(['ssh-keygen', '-q', '-N', '', '-t', 'ed25519', '-f', f'{folder}/{name}'],
                       check=True)
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    with open(f'{folder}/config', 'w', encoding='utf-8') as file:
        file.write(f'ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nPidFile none\n'
                   f'AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nUsePAM no\n'
                   'PasswordAuthentication no\n')
    with subprocess.Popen([server, '-D', '-e', '-f', f'{folder}/config'],
                          stderr=subprocess.DEVNULL) as process:
        try:
            def listens():
                with socket.socket() as client:
                    return client.connect_ex(('127.0.0.1', port)) == 0
            wait_for('sshd listens', listens)
            uri = (f'coppice+ssh://127.0.0.1:{port}/session?socket={daemon.socket}'
                   f'&netcat={script("nc", NC)}&keyfile={folder}/user&no_verify=1&no_tty=1')
            assert 'Coppice' in daemon.ok('version', uri=uri)
        finally:
            process.terminate()


def test_no_network():
    """Nobody reaches the daemon over a network unless somebody forwards the connection."""
    inodes = set()
    for entry in os.listdir(f'/proc/{daemon.process.pid}/fd'):
        try:
            link = os.readlink(f'/proc/{daemon.process.pid}/fd/{entry}')
        except OSError:
            continue
        inodes.update(re.findall(r'socket:\[(\d+)\]', link))
    for table in ('tcp', 'tcp6', 'udp', 'udp6'):
        with open(f'/proc/{daemon.process.pid}/net/{table}', encoding='utf-8') as file:
            used = {line.split()[9] for line in file.readlines()[1:]}
        assert not used & inodes, f'the daemon has a socket in {table}'


def test_units():
    """systemd finds nothing wrong with the units."""
    need_program('systemd-analyze')
    folders = os.environ['COPPICE_UNITS'].split(':')
    for manager in ('system', 'user'):
        with tempfile.TemporaryDirectory(dir='/tmp') as folder:
            units = []
            for name in ('virtcoppiced.service', 'virtcoppiced.socket', 'virtcoppiced-ro.socket'):
                source = name if manager == 'system' else name.replace('virtcoppiced', 'virtcoppiced-user')
                for where in folders:
                    if os.path.exists(os.path.join(where, source)):
                        with open(os.path.join(where, source), encoding='utf-8') as file:
                            text = re.sub('(?<=ExecStart=)[^ ]*', os.environ['COPPICE_DAEMON'],
                                          file.read())
                        # The manual page is not installed here.
                        text = re.sub('Documentation=.*\n', '', text)
                        units.append(os.path.join(folder, name))
                        with open(units[-1], 'w', encoding='utf-8') as file:
                            file.write(text)
            assert len(units) == (3 if manager == 'system' else 2), units
            result = subprocess.run(['systemd-analyze', f'--{manager}', 'verify', *units], text=True,
                                    capture_output=True, check=False,
                                    env=dict(os.environ, SYSTEMD_UNIT_PATH=folder + ':'))
            # Whatever else it knows of this host's units is not ours.
            ours = [line for line in result.stderr.splitlines() if 'virtcoppiced' in line]
            assert not ours, ours


def test_systemd_socket_activate():
    """The daemon is started by the first client, with the socket that was there before."""
    need_program('systemd-socket-activate')
    with tempfile.TemporaryDirectory(dir='/tmp') as root:
        path = os.path.join(root, 'sock')
        with subprocess.Popen(['systemd-socket-activate', '-l', path, os.environ['COPPICE_DAEMON'],
                               '--session', '--root', root], stderr=subprocess.DEVNULL) as process:
            wait_for('it listens', lambda: os.path.exists(path))
            uri = f'coppice:///session?socket={path}'
            assert 'Coppice' in daemon.ok('version', uri=uri)
            daemon.ok('list', '--all', uri=uri)
            process.terminate()
            assert process.wait(DEADLINE) == 0


def test_started_by_libvirt():
    """A stock client starts the user's daemon where a socket is that nobody listens on."""
    if os.geteuid() == 0:
        raise Skip("root's session is the system")
    with tempfile.TemporaryDirectory(dir='/tmp') as home:
        # Where libvirt looks for the program; the machine's is beside it.
        for name in ('COPPICE_DAEMON', 'COPPICE_VM'):
            shutil.copy(os.environ[name], home)
        runtime = os.path.join(home, 'run')
        path = os.path.join(runtime, 'libvirt/virtcoppiced-sock')
        os.makedirs(os.path.dirname(path))
        os.chmod(runtime, 0o700)
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(path)
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(('COPPICE_', 'XDG_', 'LIBVIRT'))}
        environment.update(HOME=home, XDG_RUNTIME_DIR=runtime, VIRTD_PATH=home, LC_ALL='C')

        def virsh(*args):
            return subprocess.run(['virsh', '-c', 'coppice:///session', *args], capture_output=True,
                                  text=True, env=environment, timeout=DEADLINE, check=False)
        first = virsh('version')
        assert first.returncode == 0 and 'Coppice' in first.stdout, first
        pid = peer(path)
        try:
            with open(f'/proc/{pid}/cmdline', encoding='utf-8') as file:
                assert file.read().split('\0')[1] == '--timeout=120'
            xml = os.path.join(home, 'vm.xml')
            with open(xml, 'w', encoding='utf-8') as file:
                file.write(domain_xml('vm'))
            assert virsh('create', xml).returncode == 0
            assert virsh('domstate', 'vm').stdout.strip() == 'running'
            assert virsh('destroy', 'vm').returncode == 0
            # And once more, as it leaves its socket when it goes.
            end(pid)
            assert os.path.exists(path)
            assert virsh('list').returncode == 0
            pid = peer(path)
        finally:
            end(pid)


# The system's daemon ---------------------------------------------------------------------------

RULE = '''polkit.addRule(function (action, subject) {
  if (action.id == "org.coppice.unix.manage" && subject.user == "nobody")
    return polkit.Result.%s;
});
'''


def in_a_system_of_its_own(function):
    """Runs @function in a child whose /etc, /run, /var and actions of polkit are its own."""
    if os.geteuid() != 0:
        raise Skip('only root can make a system of its own')
    for name in ('polkitd', 'dbus-daemon'):
        if shutil.which(name, path='/usr/lib/polkit-1:/usr/libexec/polkit-1:/usr/bin') is None:
            raise Skip(f'{name} is not installed')
    with tempfile.TemporaryDirectory(dir='/tmp') as folder:
        subprocess.run(['unshare', '--mount', '--propagation', 'private', sys.executable,
                        os.path.abspath(__file__), function, folder], check=True)


def system_daemon(folder):
    """In the namespace: the system's daemon, the real polkitd on a bus of its own, and a user."""
    layers = os.path.join(folder, 'layers')
    os.mkdir(layers)
    subprocess.run(['mount', '-t', 'tmpfs', 'none', layers], check=True)
    for name in ('/etc', '/var', '/usr/share/polkit-1'):
        upper, work = (os.path.join(layers, kind + name.replace('/', '-')) for kind in ('up', 'work'))
        os.mkdir(upper)
        os.mkdir(work)
        subprocess.run(['mount', '-t', 'overlay', '-o',
                        f'lowerdir={name},upperdir={upper},workdir={work}', 'none', name],
                       check=True)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'none', '/run'], check=True)
    os.makedirs('/etc/polkit-1/rules.d', exist_ok=True)
    for where in os.environ['COPPICE_UNITS'].split(':'):
        policy = os.path.join(where, 'org.coppice.unix.policy')
        if os.path.exists(policy):
            shutil.copy(policy, '/usr/share/polkit-1/actions')
    bus = f'unix:path={folder}/bus'
    os.chmod(folder, 0o755)
    with open(f'{folder}/bus.conf', 'w', encoding='utf-8') as file:
        file.write(f'<busconfig><type>system</type><listen>{bus}</listen><auth>EXTERNAL</auth>'
                   '<policy context="default"><allow user="*"/><allow own="*"/>'
                   '<allow send_destination="*"/><allow eavesdrop="true"/></policy></busconfig>')
    environment = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=bus, LC_ALL='C')
    processes = [subprocess.Popen(['dbus-daemon', '--nofork', '--config-file', f'{folder}/bus.conf'])]
    try:
        wait_for('there is a bus', lambda: os.path.exists(f'{folder}/bus'))
        polkitd = shutil.which('polkitd', path='/usr/lib/polkit-1:/usr/libexec/polkit-1')
        log = os.path.join(folder, 'system.log')
        processes.append(start_polkitd(polkitd, 'YES', environment))
        with open(log, 'wb') as file:
            processes.append(subprocess.Popen([os.environ['COPPICE_DAEMON'], '--system'],
                                              env=environment, stderr=file))
        check_system(processes, polkitd, environment)
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(DEADLINE)


def start_polkitd(program, result, environment):
    with open('/etc/polkit-1/rules.d/50-test.rules', 'w', encoding='utf-8') as file:
        file.write(RULE % result)
    process = subprocess.Popen([program, '--no-debug'], env=environment)

    def answers():
        return subprocess.run(['pkaction', '--action-id', 'org.coppice.unix.manage'],
                              env=environment, capture_output=True, check=False).returncode == 0
    wait_for('polkit knows our action', answers)
    return process


def check_system(processes, polkitd, environment):
    def virsh(*args, user=USER):
        command = ['virsh', '-c', 'coppice:///system', *args]
        if user != 0:
            command = ['setpriv', f'--reuid={user}', f'--regid={user}', '--clear-groups'] + command
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False,
                              stdin=subprocess.DEVNULL, timeout=DEADLINE)

    wait_for('root is let in', lambda: virsh('list', user=0).returncode == 0)
    allowed = virsh('list', '--all')
    assert allowed.returncode == 0, allowed
    processes[1].terminate()
    processes[1].wait(DEADLINE)
    for result, message in (('NO', 'polkit does not allow it'),
                            ('AUTH_ADMIN', 'no polkit agent is available')):
        processes[1] = start_polkitd(polkitd, result, environment)
        refused = virsh('list', '--all')
        assert refused.returncode != 0 and message in refused.stderr, refused
        # Looking needs no permission: the read-only socket.
        assert virsh('-r', 'list', '--all').returncode == 0
        processes[1].terminate()
        processes[1].wait(DEADLINE)
    without = virsh('list', '--all')
    assert without.returncode != 0 and 'cannot ask polkit' in without.stderr, without
    assert virsh('list', user=0).returncode == 0
    processes[1] = start_polkitd(polkitd, 'YES', environment)


def test_polkit():
    """At the system's own sockets, with the policy that is installed and polkit's own daemon."""
    in_a_system_of_its_own('system_daemon')


if __name__ == '__main__':
    if len(sys.argv) > 1:
        sys.exit(globals()[sys.argv[1]](*sys.argv[2:]))
    sys.exit(run_file(globals()))
