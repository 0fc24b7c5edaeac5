#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian's own virsh runs against the daemon; where libvirt's test driver can do the same, its
answers have the same form."""
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys

from clientlib import domain_xml, need_program, run_file, wait_for

DISK = '''
    <disk type='file' device='disk'>
      <driver type='raw'/><source file='{path}'/><target dev='vda' bus='virtio'/>
    </disk>
    <interface type='user'/>'''

daemon = None


def with_disk(name='vm', **options):
    path = os.path.join(daemon.root, f'{name}.img')
    with open(path, 'wb') as file:
        file.truncate(1 << 20)
    daemon.define(name, devices=DISK.format(path=path), **options)


def remove(name='vm'):
    daemon.virsh('destroy', name)
    daemon.ok('undefine', name, '--managed-save')


def reference(*args):
    """What libvirt's test driver answers; its one domain, 'test', runs."""
    return daemon.virsh(*args, uri='test:///default')


def test_define_and_undefine():
    daemon.define()
    assert 'vm' in daemon.ok('list', '--all', '--name')
    daemon.fails('already exists with uuid', 'define', daemon.write('again.xml', domain_xml('vm')))
    daemon.ok('undefine', 'vm')
    daemon.fails("failed to get domain 'vm'", 'dominfo', 'vm')
    daemon.fails("XML error", 'define', daemon.write('bad.xml', '<domain><name/></domain>'))


def test_answers_have_the_form_of_the_reference():
    """Commands that only ask: same keys, same columns, as for the running domain 'test'."""
    with_disk('test')
    daemon.ok('start', 'test')
    for command in ('dominfo test', 'domid test', 'domstate test',
                    'domcontrol test', 'vcpucount test', 'vcpuinfo test', 'domjobinfo test',
                    'cpu-stats test --total', 'version', 'hostname', 'nodeinfo', 'nodecpumap'):
        ours, theirs = daemon.virsh(*command.split()), reference(*command.split())
        assert ours.status == 0, f'{command}: {ours.err}'
        if theirs.status == 0:
            missing = set(theirs.keys()) - set(ours.keys()) - {
                'Security model', 'Security DOI', 'Security label', 'Messages'}
            assert not missing, f'{command} lacks {missing}'
    for command in ('list --all', 'domblklist test', 'domiflist test'):
        ours, theirs = daemon.ok(*command.split()), reference(*command.split()).out
        assert ours.splitlines()[0].split() == theirs.splitlines()[0].split(), command
    remove('test')


def test_errors_are_those_of_the_reference():
    """Calls that the state forbids fail on both."""
    daemon.define('test')
    daemon.ok('start', 'test')
    for command in ('start test', 'dominfo nobody', 'domrename test other', 'define /nowhere.xml',
                    'managedsave-dumpxml test', 'desc nobody', 'undefine nobody', 'destroy nobody'):
        ours, theirs = daemon.virsh(*command.split()), reference(*command.split())
        assert ours.status != 0, f'{command} succeeded'
        assert theirs.status != 0, f'{command} succeeded on the reference'
    remove('test')


def test_life():
    daemon.define()
    daemon.ok('start', 'vm')
    assert daemon.reason() == 'running (booted)'
    daemon.ok('suspend', 'vm')
    assert daemon.reason() == 'paused (user)'
    daemon.ok('resume', 'vm')
    assert daemon.reason() == 'running (unpaused)'
    daemon.fails('already running', 'resume', 'vm')
    daemon.ok('reset', 'vm')
    daemon.ok('destroy', 'vm')
    assert daemon.reason() == 'shut off (destroyed)'
    daemon.fails('domain is not running', 'destroy', 'vm')
    daemon.ok('start', 'vm', '--paused')
    assert daemon.state() == 'paused'
    remove()


def test_ids_are_new_and_positive():
    daemon.define()
    seen = set()
    for _ in range(3):
        daemon.ok('start', 'vm')
        number = int(daemon.ok('domid', 'vm'))
        assert number > 0 and number not in seen
        assert daemon.ok('domname', str(number)).strip() == 'vm'
        seen.add(number)
        daemon.ok('destroy', 'vm')
    assert daemon.ok('domid', 'vm').strip() == '-'
    remove()


def test_transient():
    path = daemon.write('transient.xml', domain_xml('vm'))
    daemon.ok('create', path)
    assert 'no' in re.search('Persistent: *(.*)', daemon.ok('dominfo', 'vm'))[1]
    daemon.fails('cannot set autostart for transient domain', 'autostart', 'vm')
    daemon.ok('destroy', 'vm')
    daemon.fails('failed to get domain', 'dominfo', 'vm')
    daemon.ok('create', path, '--paused')
    assert daemon.state() == 'paused'
    xml = daemon.write('live.xml', daemon.ok('dumpxml', 'vm'))
    daemon.ok('define', xml)
    daemon.ok('destroy', 'vm')
    assert daemon.state() == 'shut off'
    remove()


def test_define_while_running():
    daemon.define()
    uuid = daemon.ok('domuuid', 'vm').strip()
    daemon.ok('start', 'vm')
    daemon.ok('define', daemon.write('more.xml', domain_xml('vm', memory=64, uuid=uuid)))
    assert '32768' in re.search('<memory.*', daemon.ok('dumpxml', 'vm'))[0]
    assert '65536' in re.search('<memory.*', daemon.ok('dumpxml', 'vm', '--inactive'))[0]
    daemon.ok('destroy', 'vm')
    assert '65536' in re.search('<memory.*', daemon.ok('dumpxml', 'vm'))[0]
    remove()


def test_undefine_while_running():
    daemon.define()
    daemon.ok('start', 'vm')
    daemon.ok('undefine', 'vm')
    assert daemon.state() == 'running'
    daemon.ok('destroy', 'vm')
    daemon.fails('failed to get domain', 'dominfo', 'vm')


def test_rename_autostart_metadata():
    daemon.define()
    daemon.ok('autostart', 'vm')
    daemon.ok('domrename', 'vm', 'other')
    daemon.fails('failed to get domain', 'dominfo', 'vm')
    assert 'enable' in re.search('Autostart: *(.*)', daemon.ok('dominfo', 'other'))[1]
    assert 'other' in daemon.ok('list', '--all', '--autostart', '--name')
    daemon.ok('autostart', 'other', '--disable')
    assert 'other' not in daemon.ok('list', '--all', '--autostart', '--name')
    daemon.ok('desc', 'other', 'what it is for')
    assert daemon.ok('desc', 'other').strip() == 'what it is for'
    daemon.ok('desc', 'other', '--title', 'short')
    assert 'short' in daemon.ok('list', '--all', '--title')
    daemon.ok('metadata', 'other', 'urn:x', '--key', 'x', '--set', '<app>1</app>')
    assert '<app' in daemon.ok('metadata', 'other', 'urn:x')
    daemon.ok('metadata', 'other', 'urn:x', '--remove')
    daemon.fails('metadata', 'metadata', 'other', 'urn:x')
    remove('other')


def test_save_and_restore():
    daemon.define()
    path = os.path.join(daemon.root, 'vm.save')
    daemon.ok('start', 'vm')
    daemon.ok('save', 'vm', path)
    assert daemon.reason() == 'shut off (saved)'
    assert "<name>vm</name>" in daemon.ok('save-image-dumpxml', path)
    daemon.ok('restore', path)
    assert daemon.reason() == 'running (restored)'
    daemon.ok('save', 'vm', path, '--paused')
    daemon.ok('restore', path)
    assert daemon.state() == 'paused'
    daemon.ok('destroy', 'vm')
    daemon.ok('restore', path, '--running')
    assert daemon.state() == 'running'
    daemon.ok('destroy', 'vm')
    memory = re.search("memory file='([^']*)'", open(path, encoding='utf-8').read())[1]
    with open(os.path.join(daemon.root, memory), 'r+b') as file:
        file.seek(0x200000)
        file.write(b'flipped')
    daemon.fails('damaged', 'restore', path)
    remove()


def test_managed_save():
    daemon.define()
    daemon.ok('start', 'vm')
    daemon.ok('managedsave', 'vm')
    assert daemon.reason() == 'shut off (saved)'
    assert 'vm' in daemon.ok('list', '--all', '--with-managed-save', '--name')
    daemon.fails('managed save', 'undefine', 'vm')
    assert '<domain' in daemon.ok('managedsave-dumpxml', 'vm')
    daemon.ok('start', 'vm')
    assert daemon.reason() == 'running (restored)'
    assert 'vm' not in daemon.ok('list', '--all', '--with-managed-save', '--name')
    daemon.ok('managedsave', 'vm')
    daemon.ok('start', 'vm', '--force-boot')
    assert daemon.reason() == 'running (booted)'
    daemon.ok('managedsave', 'vm')
    daemon.ok('managedsave-remove', 'vm')
    daemon.ok('undefine', 'vm')


def test_statistics():
    with_disk()
    daemon.ok('start', 'vm')
    text = daemon.ok('domstats', 'vm')
    for name in ('state.state=1', 'cpu.time=', 'balloon.current=32768', 'vcpu.current=1',
                 'vcpu.0.state=', 'net.count=1', 'net.0.rx.bytes=', 'block.0.name=vda',
                 'block.0.rd.reqs=', 'block.0.capacity=1048576'):
        assert name in text, f'{name} is not in\n{text}'
    assert 'rd_req' in daemon.ok('domblkstat', 'vm', 'vda')
    assert '1048576' in daemon.ok('domblkinfo', 'vm', 'vda')
    target = daemon.ok('domiflist', 'vm').splitlines()[2].split()
    assert 'rx_bytes' in daemon.ok('domifstat', 'vm', target[-1])
    assert 'rss' in daemon.ok('dommemstat', 'vm')
    daemon.fails('invalid path', 'domblkstat', 'vm', 'vdz')
    remove()


def test_settings():
    with_disk()
    daemon.ok('setmaxmem', 'vm', '64M', '--config')
    daemon.ok('setvcpus', 'vm', '2', '--config', '--maximum')
    assert re.search(r'maximum +config +2', daemon.ok('vcpucount', 'vm'))
    assert 'posix' in daemon.ok('schedinfo', 'vm')
    assert 'unlimited' in daemon.ok('memtune', 'vm')
    daemon.ok('start', 'vm')
    daemon.ok('setmem', 'vm', '32M', '--live')
    daemon.fails('higher than max memory', 'setmem', 'vm', '65M', '--live')
    daemon.fails('maximum memory on an active domain', 'setmaxmem', 'vm', '64M', '--live')
    daemon.ok('dommemstat', 'vm', '--period', '5', '--live')
    assert "<stats period='5'/>" in daemon.ok('dumpxml', 'vm')
    assert '<stats' not in daemon.ok('dumpxml', 'vm', '--inactive')
    daemon.fails('--guest', 'setvcpus', 'vm', '2', '--live')
    mac = daemon.ok('domiflist', 'vm').splitlines()[2].split()[-1]
    daemon.ok('domif-setlink', 'vm', mac, 'down')
    assert 'down' in daemon.ok('domif-getlink', 'vm', mac)
    daemon.ok('domif-setlink', 'vm', mac, 'up')
    assert '10.0.2.15' in daemon.ok('domifaddr', 'vm')
    daemon.ok('set-lifecycle-action', 'vm', 'crash', 'preserve')
    remove()


def test_read_only_changes_nothing():
    daemon.define()
    daemon.ok('dominfo', 'vm', read_only=True)
    for command in ('start vm', 'undefine vm', 'autostart vm', 'desc vm text'):
        daemon.fails('read only access', *command.split(), read_only=True)
    assert daemon.state() == 'shut off'
    remove()


def test_unsupported_is_said_so():
    daemon.define()
    for command in ('pool-list', 'net-list', 'screenshot vm', 'migrate vm coppice+tcp://x/session'):
        result = daemon.virsh(*command.split())
        assert result.status != 0 or not result.err, command
    remove()


def read_core(path):
    """Header, notes by owner and type, and the segment of memory of a core file."""
    with open(path, 'rb') as file:
        data = file.read()
    assert data[:7] == b'\x7fELF\x02\x01\x01', 'no ELF file'
    kind, machine = struct.unpack_from('<HH', data, 16)
    assert (kind, machine) == (4, 243), 'no core of RISC-V'
    place, = struct.unpack_from('<Q', data, 32)
    size, count = struct.unpack_from('<HH', data, 54)
    segments = [struct.unpack_from('<IIQQQQQQ', data, place + i * size) for i in range(count)]
    note, load = segments
    assert (note[0], load[0]) == (4, 1)
    notes, at = {}, note[2]
    while at < note[2] + note[5]:
        name_size, size, kind = struct.unpack_from('<III', data, at)
        name = data[at + 12:at + 12 + name_size - 1].decode()
        at += 12 + (name_size + 3) // 4 * 4
        notes.setdefault((name, kind), []).append(data[at:at + size])
        at += (size + 3) // 4 * 4
    return notes, load[4], data[load[2]:load[2] + load[5]]


def test_dump():
    daemon.define(vcpus=2)
    path = os.path.join(daemon.root, 'vm.core')
    daemon.fails('domain is not running', 'dump', 'vm', path)
    daemon.ok('start', 'vm')
    console = Console('vm')
    console.expect(b'ready')
    console.send(b'a')
    console.expect(b'a1')
    daemon.ok('dump', 'vm', path)
    assert daemon.state() == 'running'
    notes, address, memory = read_core(path)
    assert address == 0x80000000 and len(memory) == 32 << 20
    registers = [struct.unpack_from('<I', note, 32)[0] for note in notes['CORE', 1]]
    assert registers == [1, 2], registers
    pc, = struct.unpack_from('<Q', notes['CORE', 1][0], 112)
    assert 0x80200000 <= pc < 0x80201000, hex(pc)
    # The guest's program is where it was put.
    with open(os.environ['COPPICE_GUEST'], 'rb') as file:
        program = file.read()
    entry, = struct.unpack_from('<Q', program, 24)
    code = memory[entry - address:entry - address + 32]
    assert any(code) and code in program
    assert b'<section id=\'hart1\'' in notes['Coppice', 0x434f5001][0]
    for options, state in ((['--live', '--memory-only'], 'running'), (['--reset'], 'running'),
                           (['--crash'], 'shut off')):
        os.unlink(path)
        daemon.ok('dump', 'vm', path, *options)
        read_core(path)
        assert daemon.state() == state, options
    assert daemon.reason() == 'shut off (crashed)'
    console.process.wait(60)
    daemon.ok('start', 'vm', '--paused')
    daemon.ok('dump', 'vm', path, '--memory-only', '--format', 'elf', '--bypass-cache')
    assert daemon.state() == 'paused'
    for format in ('kdump-zlib', 'win-dmp'):
        daemon.fails('of format elf only', 'dump', 'vm', path, '--memory-only', '--format', format)
    daemon.fails('mutually exclusive', 'dump', 'vm', path, '--live', '--crash')
    daemon.fails('cannot write', 'dump', 'vm', '/nowhere/core')
    assert daemon.state() == 'paused'
    assert [name for name in os.listdir(daemon.root) if name.endswith('.new')] == []
    remove()


def test_disk_of_another_size():
    with_disk()
    daemon.fails('domain is not running', 'blockresize', 'vm', 'vda', '2M')
    daemon.ok('start', 'vm')
    daemon.ok('blockresize', 'vm', 'vda', '2M')
    assert os.stat(os.path.join(daemon.root, 'vm.img')).st_size == 2 << 20
    assert re.search(r'Capacity: *2097152', daemon.ok('domblkinfo', 'vm', 'vda'))
    daemon.ok('blockresize', 'vm', os.path.join(daemon.root, 'vm.img'), '512B')
    daemon.fails('whole sectors', 'blockresize', 'vm', 'vda', '513B')
    daemon.fails("disk 'vdz' was not found", 'blockresize', 'vm', 'vdz', '2M')
    remove()


def test_what_machines_have_not():
    daemon.define()
    daemon.ok('start', 'vm')
    for command, message in (('screenshot vm /tmp/x', 'no display'), ('inject-nmi vm', 'interrupt'),
                             ('send-key vm KEY_A', 'KEY_POWER'), ('dompmsuspend vm mem', 'sleep'),
                             ('dompmwakeup vm', 'sleeps'), ('setvcpu vm 0 --disable', 'one by one')):
        daemon.fails(message, *command.split())
    daemon.ok('send-key', 'vm', 'KEY_POWER')
    remove()


def test_files_are_volumes():
    """A file is a volume by its path; there are no pools, and read-only clients learn of no file."""
    path = os.path.join(daemon.root, 'a & b.img')
    with open(path, 'wb') as file:
        file.truncate(1 << 20)
    assert '1.00 MiB' in daemon.ok('vol-info', path)
    assert "<format type='raw'/>" in daemon.ok('vol-dumpxml', path)
    assert daemon.ok('vol-path', path).strip() == path
    assert daemon.ok('vol-pool', path).strip() == daemon.root
    with open(path, 'r+b') as file:
        file.write(b'QFI\xfb')
    assert "<format type='qcow2'/>" in daemon.ok('vol-dumpxml', path)
    daemon.fails('no storage vol with matching path', 'vol-info', '/nowhere')
    daemon.fails('no storage vol with matching path', 'vol-info', daemon.root)
    daemon.fails('read only access', 'vol-info', path, read_only=True)
    assert daemon.ok('pool-list', '--all', '--name').strip() == ''
    daemon.fails('not supported', 'pool-create-as', 'p', 'dir', '--target', daemon.root)


class Console:
    """virsh console on a terminal of its own."""

    def __init__(self, name, *options, command='console'):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(['virsh', '-c', daemon.uri, command, name, *options],
                                        stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True, env=dict(os.environ, LC_ALL='C'))
        os.close(slave)
        self.text = b''

    def expect(self, what):
        def seen():
            ready, _, _ = select.select([self.master], [], [], 0)
            if ready:
                try:
                    self.text += os.read(self.master, 4096)
                except OSError:
                    return what in self.text
            return what in self.text
        try:
            wait_for(f'the console shows {what}', seen)
        except AssertionError as error:
            raise AssertionError(f'{error}; it showed {self.text}') from None
        self.text = self.text.partition(what)[2]

    def send(self, text):
        os.write(self.master, text)

    def close(self):
        os.write(self.master, b'\x1d')
        self.process.wait(60)
        os.close(self.master)


def test_console():
    daemon.define()
    daemon.ok('start', 'vm')
    console = Console('vm')
    console.expect(b'Escape character')
    console.send(b'a')
    console.expect(b'a1')
    console.send(b'b')
    console.expect(b'b2')
    console.close()
    path = os.path.join(daemon.root, 'console.save')
    daemon.ok('save', 'vm', path)
    daemon.ok('restore', path)
    console = Console('vm')
    console.expect(b'Escape character')
    console.send(b'x')
    console.expect(b'x3')       # it counts on: its registers and memory are those it had
    console.send(b'r')
    console.expect(b'ready')
    console.send(b'p')
    daemon.await_state('shut off')
    assert daemon.reason() == 'shut off (shutdown)'
    console.process.wait(60)
    remove()


def test_console_has_one_client():
    """The next is refused, unless it takes over; then the first one is told, and ends."""
    daemon.define()
    daemon.ok('start', 'vm')
    first = Console('vm')
    first.expect(b'Escape character')
    first.send(b'a')
    first.expect(b'a1')
    refused = Console('vm')
    refused.expect(b'error: ')
    assert refused.process.wait(60) != 0
    second = Console('vm', '--force')
    second.expect(b'Escape character')
    second.send(b'b')
    second.expect(b'b2')
    first.process.wait(60)
    daemon.ok('destroy', 'vm')      # under it
    second.process.wait(60)
    refused = Console('vm')
    refused.expect(b'The domain is not running')
    refused.process.wait(60)
    remove()


def test_console_from_the_start():
    """No byte of a guest's first output is lost on who starts it with a console."""
    daemon.define()
    for _ in range(5):
        console = Console('vm', '--console', command='start')
        console.expect(b'ready')
        console.close()
        daemon.ok('destroy', 'vm')
    remove()


def test_crash_follows_on_crash():
    for action, reason in (('destroy', 'shut off (crashed)'), ('preserve', 'crashed (panicked)')):
        daemon.define(extra=f'<on_crash>{action}</on_crash>')
        daemon.ok('start', 'vm')
        console = Console('vm')
        console.expect(b'Escape character')
        console.send(b'c')
        wait_for(reason, lambda reason=reason: daemon.reason() == reason)
        console.process.kill()
        console.process.wait(60)
        remove()


def test_events():
    daemon.define()
    watcher = subprocess.Popen(
        ['virsh', '-c', daemon.uri, 'event', '--loop', '--event', 'lifecycle', '--domain', 'vm'],
        stdout=subprocess.PIPE, text=True, env=dict(os.environ, LC_ALL='C'))
    path = os.path.join(daemon.root, 'event.out')

    def poke():
        daemon.ok('start', 'vm')
        daemon.ok('suspend', 'vm')
        daemon.ok('resume', 'vm')
        daemon.ok('destroy', 'vm')
        ready, _, _ = select.select([watcher.stdout], [], [], 0.2)
        return ready
    wait_for('events arrive', poke)     # the first may come before virsh has registered
    for _ in range(2):
        poke()
    watcher.terminate()
    text = watcher.communicate()[0]
    for what in ('Started Booted', 'Suspended Paused', 'Resumed Unpaused', 'Stopped Destroyed'):
        assert what in text, text
    assert not os.path.exists(path)
    remove()


def test_virt_install_and_virt_xml():
    for name in ('virt-install', 'virt-xml'):
        need_program(name)
    disk = os.path.join(daemon.root, 'import.img')
    with open(disk, 'wb') as file:
        file.truncate(1 << 20)
    result = subprocess.run(
        ['virt-install', '--connect', daemon.uri, '--name', 'imported', '--import', '--memory', '64',
         '--vcpus', '1', '--arch', 'riscv64', '--machine', 'virt', '--osinfo', 'detect=off,require=off',
         '--disk', f'path={disk}', '--boot', f'kernel={os.environ["COPPICE_GUEST"]}',
         '--network', 'none', '--graphics', 'none', '--noautoconsole', '--check', 'all=off'],
        capture_output=True, text=True, env=dict(os.environ, LC_ALL='C', HOME=daemon.root))
    assert result.returncode == 0, result.stdout + result.stderr
    assert daemon.state('imported') == 'running'
    second = os.path.join(daemon.root, 'second.img')
    shutil.copy(disk, second)

    def virt_xml(*options):
        changed = subprocess.run(
            ['virt-xml', '--connect', daemon.uri, 'imported', *options],
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
            env=dict(os.environ, LC_ALL='C', HOME=daemon.root))
        assert changed.returncode == 0, changed.stdout + changed.stderr
        return daemon.ok('dumpxml', 'imported', '--inactive')
    assert '98304' in virt_xml('--edit', '--memory', '96')
    assert second in virt_xml('--add-device', '--disk', f'path={second},target.bus=virtio')
    assert second not in virt_xml('--remove-device', '--disk', '2')
    assert "type='user'" in virt_xml('--add-device', '--network', 'user')
    assert '<description>by virt-xml' in virt_xml('--edit', '--metadata', 'description=by virt-xml')
    assert daemon.state('imported') == 'running'
    remove('imported')


if __name__ == '__main__':
    sys.exit(run_file(globals()))
