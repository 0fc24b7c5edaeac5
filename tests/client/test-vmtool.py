#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""vmtool against a daemon of its own: every command, beside virsh where both should say the same, the JSON against
docs/vmtool-json.md, console, shell and top on terminals.

    COPPICE_VMTOOL, COPPICE_SOURCE   the program, and the source tree, set by meson
"""
import json
import os
import pty
import re
import select
import subprocess
import sys
import time

import clientlib
from clientlib import Daemon, Result, Skip, domain_xml, need_program, run, wait_for

DEVICES = '''
    <disk type='file' device='disk'>
      <driver type='raw'/><source file='{path}'/><target dev='vda' bus='virtio'/>
    </disk>
    <interface type='user'><mac address='52:54:00:00:00:01'/></interface>'''

daemon = None


def vmtool(*args, text='', **environment):
    """Runs vmtool to its end."""
    return Result(subprocess.run(
        [os.environ['COPPICE_VMTOOL'], '-c', daemon.uri, *args], input=text, capture_output=True, text=True,
        env=dict(os.environ, LC_ALL='C.UTF-8', HOME=daemon.root, XDG_STATE_HOME=daemon.root, **environment),
        timeout=clientlib.DEADLINE))


def ok(*args, **options):
    result = vmtool(*args, **options)
    assert result.status == 0, f'vmtool {" ".join(args)}: {result.err}\n{daemon.log()[-2000:]}'
    return result.out


def fails(status, message, *args):
    result = vmtool(*args)
    assert result.status == status, f'vmtool {" ".join(args)}: status {result.status}, {result.err}'
    assert re.search(message, result.err), f'vmtool {" ".join(args)}: {result.err!r} lacks {message!r}'


def define(name='vm', **options):
    path = os.path.join(daemon.root, f'{name}.img')
    with open(path, 'wb') as file:
        file.truncate(1 << 20)
    ok('define', daemon.write(f'{name}.xml', domain_xml(name, devices=DEVICES.format(path=path), **options)))


# ---- the documented JSON ----

CHECKS = {
    'string': lambda value: isinstance(value, str),
    'integer': lambda value: isinstance(value, int) and not isinstance(value, bool),
    'number': lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    'boolean': lambda value: isinstance(value, bool),
    'object': lambda value: isinstance(value, dict),
    'null': lambda value: value is None,
}


def read_schema():
    """{command: {key: (required, [type])}} from the page's tables."""
    schema, names = {}, []
    with open(os.path.join(os.environ['COPPICE_SOURCE'], 'docs/vmtool-json.md'), encoding='utf-8') as file:
        for line in file:
            if line.startswith('## '):
                names = [name.strip() for name in line[3:].split(',')]
                for name in names:
                    schema[name] = {}
            match = re.match(r'\| `(\w+)` \| ([a-z ]+) \|', line)
            if match:
                kinds = match[2].strip()
                required = not kinds.startswith('optional ')
                for name in names:
                    schema[name][match[1]] = (required, kinds.removeprefix('optional ').split(' or '))
    return schema


def check_object(command, fields, value, left_out=(), added=()):
    assert isinstance(value, dict), f'{command}: {value!r} is no object'
    for key, (required, kinds) in fields.items():
        if key not in value:
            assert not required or key in left_out, f'{command}: {key} is missing in {value}'
            continue
        assert any(CHECKS[kind](value[key]) for kind in kinds), f'{command}: {key} is {value[key]!r}, no {kinds}'
    unknown = set(value) - set(fields) - set(added)
    assert not unknown, f'{command}: {unknown} is not documented'


def test_json_is_as_documented():
    schema = read_schema()
    define('vm')
    calls = {
        'list': ['--all', '--title'], 'dominfo': ['vm'], 'domstate': ['vm'], 'domid': ['vm'], 'domuuid': ['vm'],
        'domname': ['vm'], 'dumpxml': ['vm'], 'desc': ['vm'], 'domstats': ['vm'], 'domblklist': ['vm'],
        'domblkinfo': ['vm'], 'domblkstat': ['vm'], 'domiflist': ['vm'], 'domifstat': ['vm'],
        'domif-getlink': ['vm'], 'dommemstat': ['vm'], 'vcpucount': ['vm'], 'vcpuinfo': ['vm'], 'top': [],
        'nodeinfo': [], 'version': [], 'uri': [], 'hostname': [], 'capabilities': [], 'domcapabilities': [],
        'new --dry-run': ['x', '--kernel', clientlib.GUEST], 'start': ['vm'],
        'define': [daemon.write('other.xml', domain_xml('other'))], 'create': None, 'new': None, 'event': None, 'metadata': None,
    }
    arrays = {'list', 'domstats', 'domblklist', 'domiflist', 'vcpuinfo', 'top'}
    running_only = {'domblkstat', 'domifstat', 'dommemstat', 'vcpuinfo', 'top'}

    assert set(calls) == set(schema), set(calls) ^ set(schema)
    for state in ('shut off', 'running'):
        for command, args in calls.items():
            if args is None or (state == 'shut off') == (command in running_only) and command in running_only:
                continue
            if state == 'running' and command in ('start', 'define'):
                continue
            value = json.loads(ok(*command.split(), '--json', *args))
            assert isinstance(value, list) == (command in arrays), f'{command}: {value!r}'
            if command in arrays:
                assert value, f'{command}: nothing is listed'
            for item in value if command in arrays else [value]:
                check_object(command, schema[command], item)
            if command == 'start':
                ok('destroy', 'vm')
        if state == 'shut off':
            ok('start', 'vm')
    xml = json.loads(ok('dumpxml', 'vm', '--json'))['xml']
    assert xml == daemon.ok('dumpxml', 'vm').rstrip('\n') + '\n' or xml.strip() == daemon.ok('dumpxml', 'vm').strip()


def test_events_as_json_lines():
    schema = read_schema()['event']
    define('vm')
    with subprocess.Popen([os.environ['COPPICE_VMTOOL'], '-c', daemon.uri, 'event', '--loop', '--json'],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        seen = []
        os.set_blocking(process.stdout.fileno(), False)
        text = ''

        def read_more():
            nonlocal text
            text += process.stdout.read() or ''
            *lines, text = text.split('\n')
            seen.extend(json.loads(line) for line in lines)
            return seen

        # Until it listens nothing is told, and nobody can see from outside whether it does.
        def start_and_stop():
            ok('start', 'vm')
            ok('destroy', 'vm')
            return read_more()
        wait_for('events come', start_and_stop)
        ok('start', 'vm')
        wait_for('the start is told', lambda: [e for e in read_more() if e['type'] == 'Started'])
        process.terminate()
        process.wait(clientlib.DEADLINE)
    for event in seen:
        check_object('event', schema, event)
        assert event['domain'] == 'vm'
    assert {'event': 'lifecycle', 'type': 'Started', 'detail': 'Booted'}.items() <= next(
        e for e in seen if e['type'] == 'Started').items()


def test_event_time_limit():
    assert vmtool('event', '--timeout', '0.1').status == 124
    assert vmtool('event', '--timeout', '0.1', '--loop').status == 0
    fails(2, "did you mean 'lifecycle'", 'event', '--event', 'lifecicle')


# ---- beside virsh ----

def test_answers_are_virshs():
    define('vm')
    for state in ('shut off', 'running'):
        for command in ('domid vm', 'domuuid vm', 'domstate vm', 'domstate vm --reason', 'uri',
                        'hostname', 'list --all --name', 'list --all --uuid', 'list --state-shutoff --name',
                        'vcpucount vm', 'dumpxml vm', 'dumpxml vm --inactive', 'capabilities', 'domcapabilities',
                        'event --list', 'domstats vm --state'):
            ours, theirs = ok(*command.split()), daemon.ok(*command.split())
            assert ours.split() == theirs.split(), f'{command}:\n{ours}\n{theirs}'
        if state == 'shut off':
            ok('start', 'vm')


def test_options_are_virshs():
    """Whoever knows virsh's options knows ours."""
    left_out = {     # of other hypervisors, or of objects that do not exist here yet
        '--pass-fds', '--reset-nvram', '--storage', '--remove-all-storage', '--delete-storage-volume-snapshots',
        '--wipe-storage', '--tpm', '--keep-tpm', '--hotpluggable', '--raw', '--pretty', '--domain', '--file'}
    for command in ('define', 'create', 'start', 'list', 'dominfo', 'domstate', 'domid', 'domuuid', 'domname',
                    'dumpxml', 'edit', 'undefine', 'domrename', 'shutdown', 'reboot', 'reset', 'destroy', 'suspend',
                    'resume', 'save', 'restore', 'managedsave', 'managedsave-remove', 'console', 'event', 'domstats',
                    'domblklist', 'domiflist', 'domblkstat', 'domifstat', 'dommemstat', 'setmem', 'setmaxmem',
                    'setvcpus', 'vcpucount', 'vcpuinfo', 'domif-setlink', 'autostart', 'metadata', 'desc',
                    'capabilities', 'domcapabilities', 'nodeinfo', 'version', 'uri', 'hostname'):
        wanted = set(re.findall(r'^\s+\[?(--[a-z-]+)', daemon.ok('help', command), re.M))
        there = set(re.findall(r'(--[a-z-]+)', ok(command, '--help')))
        assert wanted - left_out <= there, f'{command}: {wanted - left_out - there}'


# ---- what commands do ----

def test_life_of_a_domain():
    define('vm')
    assert 'started, and paused' in ok('start', 'vm', '--paused')
    assert ok('domstate', 'vm', '--reason').startswith('paused')
    ok('resume', 'vm')
    ok('suspend', 'vm')
    assert daemon.state() == 'paused'
    ok('resume', 'vm')
    ok('reset', 'vm')
    fails(1, 'already|active|running', 'start', 'vm')
    ok('destroy', 'vm')
    assert daemon.reason() == 'shut off (destroyed)'
    ok('domrename', 'vm', 'other')
    ok('autostart', 'other')
    assert ok('list', '--all', '--autostart', '--name').split() == ['other']
    ok('autostart', 'other', '--disable')
    ok('undefine', 'other')
    assert 'no domains' in ok('list', '--all').lower()


def test_saved_domains():
    define('vm')
    ok('start', 'vm')
    path = os.path.join(daemon.root, 'vm.save')
    ok('save', 'vm', path)
    assert ok('list', '--all', '--managed-save').split()[-2:] == ['shut', 'off']
    ok('restore', path)
    assert daemon.reason() == 'running (restored)'
    ok('managedsave', 'vm')
    assert 'saved' in ok('list', '--all', '--managed-save')
    ok('managedsave-remove', 'vm')
    assert 'no saved state' in ok('managedsave-remove', 'vm')


def test_settings():
    define('vm')
    ok('desc', 'vm', 'two', 'words')
    assert ok('desc', 'vm') == 'two words\n'
    ok('desc', 'vm', '--title', 'Title')
    assert 'Title' in ok('list', '--all', '--title')
    assert 'changed' in ok('desc', 'vm', '--edit', EDITOR="printf 'edited\\n' >")
    assert ok('desc', 'vm') == 'edited\n'
    ok('metadata', 'vm', 'urn:x', '--key', 'x', '--set', '<a>1</a>')
    assert ok('metadata', 'vm', 'urn:x').strip() == '<a>1</a>'
    ok('metadata', 'vm', 'urn:x', '--remove')
    fails(1, 'metadata', 'metadata', 'vm', 'urn:x')
    ok('setmaxmem', 'vm', '65536', '--config')
    assert '<memory unit=\'KiB\'>65536</memory>' in ok('dumpxml', 'vm')
    ok('setmem', 'vm', '16M', '--config')
    assert '16384' in ok('dumpxml', 'vm', '--xpath', '//currentMemory')
    ok('setvcpus', 'vm', '2', '--maximum', '--config')
    assert ok('vcpucount', 'vm', '--maximum', '--config') == '2\n'
    ok('domif-setlink', 'vm', '52:54:00:00:00:01', 'down')
    assert 'down' in ok('domif-getlink', 'vm')


def test_edit():
    define('vm')
    assert 'changed' in ok('edit', 'vm', EDITOR="sed -i 's/32768/65536/g'")
    assert '65536' in ok('dumpxml', 'vm')
    assert 'as it was' in ok('edit', 'vm', EDITOR='true')
    result = vmtool('edit', 'vm', EDITOR="sed -i 's/<vcpu>1/<vcpu>x/'")
    assert result.status == 1 and 'what you typed is in' in result.err, result.err
    os.unlink(re.search(r"is in '(.*)'", result.err)[1])
    assert vmtool('edit', 'vm', EDITOR='false').status == 1


def test_new():
    disk = os.path.join(daemon.root, 'new.img')
    with open(disk, 'wb') as file:
        file.truncate(1 << 20)
    args = ['new', 'fresh', '--kernel', clientlib.GUEST, '--memory', '32M', '--vcpus', '2', '--disk',
            f'{disk},readonly,serial=AB', '--net', 'user,forward=tcp:0:22', '--title', 'A <title>']
    fails(2, 'forward', *args)
    args[-3] = 'user,forward=tcp:22022:22'
    xml = ok(*args, '--dry-run')
    for part in ("<name>fresh</name>", '<memory unit=\'KiB\'>32768</memory>', '<vcpu>2</vcpu>', "start='22022'",
                 "to='22'", '<readonly/>', '<serial>AB</serial>', f"file='{disk}'", '<title>A &lt;title&gt;</title>'):
        assert part in xml, f'{part} is not in\n{xml}'
    assert 'fresh' not in ok('list', '--all', '--name')
    ok(*args, '--start', '--autostart')
    assert daemon.state('fresh') == 'running'
    fails(1, 'already', *args)
    fails(2, 'nothing to boot', 'new', 'empty')
    fails(1, 'no such file|No such file', 'new', 'x', '--kernel', '/nonexistent')
    fails(1, 'no such file|No such file', 'new', 'x', '--kernel', clientlib.GUEST, '--disk', '/nonexistent')
    fails(2, 'neither on nor off', 'new', 'x', '--kernel', clientlib.GUEST, '--cpu', 'zba=maybe')


def test_mistyped_names():
    define('debian')
    fails(2, "did you mean 'list'", 'lits')
    fails(2, "did you mean '--inactive'", 'list', '--inactiv')
    fails(1, "domain 'debain' not found; did you mean 'debian'", 'start', 'debain')
    fails(1, 'list --all', 'start', 'something')
    fails(2, 'no URI of Coppice', 'list', '-c', 'qemu:///session')
    fails(2, 'exclude each other', 'undefine', 'debian', '--nvram', '--keep-nvram')
    assert vmtool('-r', 'undefine', 'debian').status == 1
    assert 'debian' in ok('list', '--all', '--name')


def test_completion_knows_live_names():
    define('vm-one')
    define('vm-two')
    ok('start', 'vm-two')
    assert ok('complete-words', '--', '-c', daemon.uri, 'dominfo', 'vm').split() == ['vm-one', 'vm-two']
    assert ok('complete-words', '--', '-c', daemon.uri, 'start', '').split() == ['vm-one']
    assert ok('complete-words', '--', 'suspend', '-c', daemon.uri, '').split() == ['vm-two']
    assert ok('complete-words', '--', '-c', '').split()[0] == 'coppice:///session'
    assert vmtool('complete-words', '--', '-c', daemon.uri, 'start', 'nothing').status == 1
    assert vmtool('complete-words', '--', 'define', 'nothing').status == 0


# ---- terminals ----

class Terminal:
    """vmtool on a terminal of its own."""

    def __init__(self, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(LC_ALL='C.UTF-8', TERM='xterm', HOME=daemon.root, XDG_STATE_HOME=daemon.root)
            os.execv(os.environ['COPPICE_VMTOOL'], ['vmtool', '-c', daemon.uri, *args])
        self.text = ''

    def send(self, text):
        os.write(self.fd, text.encode())

    def expect(self, text):
        """Waits for @text, and forgets all up to its end."""
        end = time.monotonic() + clientlib.DEADLINE
        while text not in self.text:
            assert time.monotonic() < end, f'{text!r} has not come, but {self.text!r}'
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    data = os.read(self.fd, 4096)
                except OSError:
                    data = b''
                assert data, f'it ended before {text!r}: {self.text!r}'
                self.text += data.decode(errors='replace')
        self.text = self.text.split(text, 1)[1]

    def wait(self):
        while True:
            try:
                if not os.read(self.fd, 4096):
                    break
            except OSError:
                break
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def test_console():
    define('vm')
    terminal = Terminal('start', 'vm', '--console')
    terminal.expect("Connected to domain 'vm'")
    terminal.expect('escape key')
    terminal.send('a')
    terminal.expect('a')
    terminal.send('\x1d')
    assert terminal.wait() == 0
    assert daemon.state() == 'running'

    terminal = Terminal('console', 'vm')
    terminal.expect('Connected')
    terminal.send('b')
    terminal.expect('b')
    terminal.send('p')
    terminal.expect('has stopped')
    assert terminal.wait() == 0
    daemon.await_state('shut off')


def test_console_on_pipes():
    define('vm')
    ok('start', 'vm')
    assert 'x' in ok('console', 'vm', text='xp')
    daemon.await_state('shut off')


def test_shell():
    define('vm')
    out = vmtool('shell', text='domstate vm; start vm\n# nothing\ndomstate vm\necho "a;b"\nbogus\nquit\ndestroy vm\n')
    assert out.status == 2 and "'vmtool bogus'" in out.err, out.err
    assert out.lines() == ['shut off', "Domain 'vm' is started.", 'running', 'a;b'], out.out
    assert daemon.state() == 'running'


def test_shell_on_a_terminal():
    define('vm-long-name')
    for _ in range(2):
        terminal = Terminal('shell')
        terminal.expect('# ')
        terminal.send('domst\t\t')          # as far as it goes, then what there is
        terminal.expect('domstats')
        terminal.send('\x03domstate vm\t\r')
        terminal.expect('-long-name')
        terminal.expect('shut off')
        terminal.expect('# ')
        terminal.send('\x1b[A\r')           # the line before
        terminal.expect('shut off')
        terminal.send('quit\r')
        assert terminal.wait() == 0
    with open(os.path.join(daemon.root, 'coppice', 'vmtool_history'), encoding='utf-8') as file:
        assert 'domstate' in file.read()


def test_top_on_a_terminal():
    define('vm')
    ok('start', 'vm')
    terminal = Terminal('top', '--delay', '0.1')
    terminal.expect('vm')
    terminal.expect('[c CPU]')
    terminal.send('m')
    terminal.expect('[m memory]')
    terminal.send('q')
    assert terminal.wait() == 0


def test_the_session_daemon_is_started():
    """By a client alone, in folders of its own; it is asked to leave soon, and then started again."""
    if os.geteuid() == 0:
        raise Skip("root's session is the system's")
    run_dir = os.path.join(daemon.root, 'xdg')
    os.makedirs(run_dir, 0o700)
    environment = dict(os.environ, HOME=run_dir, XDG_RUNTIME_DIR=run_dir, LC_ALL='C.UTF-8')
    result = Result(subprocess.run([os.environ['COPPICE_VMTOOL'], 'uri'], env=environment, capture_output=True,
                                   text=True, timeout=clientlib.DEADLINE))
    assert result.out == 'coppice:///session\n', result.err


def test_a_daemon_that_fails_is_noticed():
    if os.geteuid() == 0:
        raise Skip("root's session is the system's")
    run_dir = os.path.join(daemon.root, 'xdg2')
    os.makedirs(run_dir, 0o700)
    environment = dict(os.environ, HOME=run_dir, XDG_RUNTIME_DIR=run_dir, COPPICE_DAEMON='/bin/false')
    result = Result(subprocess.run([os.environ['COPPICE_VMTOOL'], 'list'], env=environment, capture_output=True,
                                   text=True, timeout=clientlib.DEADLINE))
    assert result.status == 1 and 'ended at once' in result.err, result.err


def main():
    global daemon
    cases = [value for name, value in globals().items() if name.startswith('test_')]
    only = os.environ.get('COPPICE_ONLY')
    cases = [case for case in cases if only is None or only in case.__name__]
    try:
        need_program('virsh')
        if not clientlib.GUEST:
            raise Skip('no compiler for guests')
    except Skip as skip:
        print(f'1..0 # SKIP {skip}')
        return 0
    daemon = Daemon()
    try:
        return run(cases, after=daemon.remove_all)
    finally:
        daemon.stop()


if __name__ == '__main__':
    sys.exit(main())
