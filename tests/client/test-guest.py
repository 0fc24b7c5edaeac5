#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What clients ask of a Linux guest that runs: its agent, behind a channel, and its memory balloon.

The guest is Debian's kernel in the image of COPPICE_TEST_IMAGE; its agent is guest-agent.sh.
"""
import configparser
import os
import re
import subprocess
import sys

from clientlib import Daemon, Skip, need_program, run, wait_for

DOMAIN = '''<domain type='coppice'>
  <name>{name}</name>
  <memory unit='MiB'>512</memory>
  <vcpu>2</vcpu>
  <os>
    <type arch='riscv64' machine='virt'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>console=ttyS0 coppice.hostname=guest coppice.run="sh /dev/vda"</cmdline>
  </os>
  <devices>
    <disk type='file'>
      <source file='{disk}'/><target dev='vda'/><readonly/><shareable/><serial>one</serial>
    </disk>
    <serial type='file'><source path='{console}'/></serial>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <channel type='unix'><target type='virtio' name='org.example.other'/></channel>
    <memballoon model='virtio'><stats period='1'/></memballoon>
  </devices>
</domain>
'''

daemon = None


def image_files():
    """Kernel and initrd of the image that tests boot."""
    folder = os.environ.get('COPPICE_TEST_IMAGE')
    if not folder:
        if os.environ.get('COPPICE_CHECK'):
            raise AssertionError('COPPICE_TEST_IMAGE names no image')
        raise Skip('COPPICE_TEST_IMAGE names no image')
    manifest = configparser.ConfigParser(interpolation=None)
    if not manifest.read(os.path.join(folder, 'manifest')):
        raise Skip(f'{folder} has no image')
    return (os.path.join(folder, manifest['kernel']['file']),
            os.path.join(folder, manifest['initrd']['file']))


def agent_disk():
    """The agent's program as a disk of whole sectors."""
    with open(os.path.join(os.path.dirname(__file__), 'guest-agent.sh'), 'rb') as file:
        text = file.read()
    path = os.path.join(daemon.root, 'agent.img')
    with open(path, 'wb') as file:
        file.write(text.ljust(64 * 1024, b'\n'))
    return path


def console(name='guest'):
    with open(os.path.join(daemon.root, f'{name}.console'), encoding='utf-8', errors='replace') as file:
        return file.read()


def is_connected(name='guest'):
    assert daemon.state(name) == 'running', console(name)[-2000:]
    return "org.qemu.guest_agent.0' state='connected'" in daemon.ok('dumpxml', name)


def boot(name='guest'):
    kernel, initrd = image_files()
    daemon.ok('define', daemon.write(f'{name}.xml', DOMAIN.format(
        name=name, kernel=kernel, initrd=initrd, disk=agent_disk(),
        console=os.path.join(daemon.root, f'{name}.console'))))
    daemon.ok('start', name)
    daemon.fails('QEMU guest agent is not connected', 'domtime', name)
    wait_for('the agent is connected', lambda: is_connected(name))


class Events:
    """virsh event, from before something happens until it is seen."""

    def __init__(self, kind):
        self.process = subprocess.Popen(
            ['virsh', '-c', daemon.uri, 'event', '--loop', '--event', kind],
            stdout=subprocess.PIPE, env=dict(os.environ, LC_ALL='C'))

    def until(self, text, poke):
        """Does @poke again and again, until an event says @text."""
        os.set_blocking(self.process.stdout.fileno(), False)
        seen = b''

        def look():
            nonlocal seen
            poke()
            seen += self.process.stdout.read() or b''
            return text.encode() in seen
        try:
            wait_for(f'an event says {text}', look)
        finally:
            self.process.terminate()
            self.process.wait()
            self.process.stdout.close()


def command(name, **options):
    return daemon.ok('qemu-agent-command', 'guest', f'{{"execute":"{name}"}}', **options)


def test_agent_is_connected():
    boot()
    assert command('guest-ping').strip() == '{"return": {}}'
    assert "org.example.other' state='disconnected'" in daemon.ok('dumpxml', 'guest')
    assert 'state=' not in daemon.ok('dumpxml', 'guest', '--inactive')


def test_agent_errors():
    daemon.fails("unable to execute QEMU agent command 'guest-nothing': The command has not been found",
                 'qemu-agent-command', 'guest', '{"execute":"guest-nothing"}')
    daemon.fails('member "execute"', 'qemu-agent-command', 'guest', 'nonsense')
    daemon.fails('unable to execute', 'qemu-agent-command', 'guest', '{"execute":"test-nonsense"}')
    daemon.fails('Guest agent not available for now', 'qemu-agent-command', 'guest', '--timeout', '1',
                 '{"execute":"test-silence"}')
    # And then it is there again; who asks meanwhile waits for their turn.
    silent = subprocess.Popen(['virsh', '-c', daemon.uri, 'qemu-agent-command', 'guest', '--timeout',
                               '2', '{"execute":"test-silence"}'], stderr=subprocess.DEVNULL)
    while silent.poll() is None:
        command('guest-ping')
    assert silent.returncode != 0
    daemon.fails('read only', 'qemu-agent-command', 'guest', '{"execute":"guest-ping"}',
                 read_only=True)


def test_what_the_guest_knows():
    assert daemon.ok('domhostname', 'guest').strip() == 'guest'
    assert int(re.search(r'\d+', daemon.ok('domtime', 'guest'))[0]) > 1700000000
    daemon.ok('domtime', 'guest', '--sync')
    text = daemon.ok('domfsinfo', 'guest')
    assert re.search(r'/mnt +vda +ext4 +vda', text), text
    text = daemon.ok('domifaddr', 'guest', '--source', 'agent')
    assert '10.0.2.15/24' in text and 'fec0::1/64' in text, text
    text = daemon.ok('guestinfo', 'guest')
    for line in ('user.count *: 1', 'user.0.name *: root', 'user.0.login-time *: 1500000000250',
                 'os.id *: coppice', 'timezone.offset *: 0', 'hostname *: guest', 'fs.count *: 1',
                 'fs.0.mountpoint *: /mnt', 'fs.0.disk.0.alias *: vda', 'if.0.addr.1.prefix *: 64'):
        assert re.search(line, text), f'{line} is not in\n{text}'
    assert not re.search('^disk.count', text, re.M)     # the agent does not know the command
    daemon.fails('guest-get-disks', 'guestinfo', 'guest', '--disk')
    keys = daemon.ok('get-user-sshkeys', 'guest', 'root')
    assert 'ssh-ed25519 AAAA one' in keys and 'ssh-rsa BBBB two' in keys, keys


def test_what_the_guest_does():
    assert 'Froze 3 filesystem(s)' in daemon.ok('domfsfreeze', 'guest')
    assert 'Thawed 3 filesystem(s)' in daemon.ok('domfsthaw', 'guest')
    assert 'Froze 1 filesystem(s)' in daemon.ok('domfsfreeze', 'guest', '/a "b"')
    daemon.ok('domfsthaw', 'guest')
    daemon.ok('domfstrim', 'guest')
    daemon.ok('set-user-password', 'guest', 'root', 'secret')
    daemon.fails('no such password', 'set-user-password', 'guest', 'root', 'other')


def test_vcpus_of_the_guest():
    assert daemon.ok('vcpucount', 'guest', '--guest').strip() == '2'
    daemon.ok('setvcpus', 'guest', '--guest', '1')
    assert re.search('online *: 0$', daemon.ok('guestvcpus', 'guest'), re.M)
    assert daemon.ok('vcpucount', 'guest', '--guest').strip() == '1'
    daemon.ok('guestvcpus', 'guest', '1', '--enable')
    assert re.search('online *: 0-1', daemon.ok('guestvcpus', 'guest'))
    daemon.fails("can't be offlined", 'guestvcpus', 'guest', '0', '--disable')
    daemon.fails('not present in guest', 'guestvcpus', 'guest', '5', '--disable')
    daemon.fails('greater than the count', 'setvcpus', 'guest', '--guest', '3')


def test_agent_comes_and_goes():
    def close():
        daemon.virsh('qemu-agent-command', 'guest', '--async', '{"execute":"test-close"}')
    Events('agent-lifecycle').until('disconnected', close)
    wait_for('the agent is connected again', is_connected)
    Events('agent-lifecycle').until("state: 'connected'", close)
    wait_for('the agent is connected again', is_connected)


def figure(name):
    return int(re.search(rf'^{name} (\d+)$', daemon.ok('dommemstat', 'guest'), re.M)[1])


def test_memory_balloon():
    """Memory that a guest has used and gives back costs the host nothing any more."""
    wait_for('the guest tells how it uses its memory',
             lambda: 'unused' in daemon.ok('dommemstat', 'guest'))
    daemon.ok('qemu-agent-command', 'guest', '--block', '{"execute":"test-fill"}')
    full = figure('rss')

    def give_and_take():
        sizes = {512 * 1024: '256M', 256 * 1024: '512M'}
        if figure('actual') in sizes:
            daemon.ok('setmem', 'guest', sizes[figure('actual')], '--live')
    Events('balloon-change').until('262144', give_and_take)
    daemon.ok('setmem', 'guest', '256M', '--live')
    wait_for('the guest has given memory back', lambda: figure('actual') == 256 * 1024)
    assert figure('rss') < full - 64 * 1024, (full, figure('rss'))
    assert '262144' in re.search('<currentMemory.*', daemon.ok('dumpxml', 'guest'))[0]
    assert 'Used memory:    262144 KiB' in daemon.ok('dominfo', 'guest')
    assert 'balloon.current=262144' in daemon.ok('domstats', 'guest', '--balloon')
    wait_for('the guest tells of less', lambda: figure('available') < 300 * 1024)
    daemon.ok('setmem', 'guest', '512M', '--live')
    wait_for('the guest has its memory again', lambda: figure('actual') == 512 * 1024)


def test_found_again():
    """A daemon that was not there knows what the guest has done meanwhile."""
    daemon.ok('setmem', 'guest', '384M', '--live')
    daemon.kill()
    daemon.start()
    assert is_connected()
    command('guest-ping')
    wait_for('the balloon goes on', lambda: figure('actual') == 384 * 1024)


def test_save_and_restore():
    path = os.path.join(daemon.root, 'guest.save')
    daemon.ok('save', 'guest', path)
    daemon.ok('restore', path)
    wait_for('the agent is connected', is_connected)
    command('guest-ping')
    wait_for('the balloon is as it was', lambda: figure('actual') == 384 * 1024)


def test_shutdown_by_agent():
    daemon.ok('shutdown', 'guest', '--mode', 'agent')
    daemon.await_state('shut off', 'guest')
    folder = os.path.join(daemon.root, 'run', 'vm')
    assert os.listdir(folder) == [], os.listdir(folder)


def main():
    global daemon
    cases = [value for name, value in globals().items() if name.startswith('test_')]
    try:
        need_program('virsh')
        image_files()
    except Skip as skip:
        print(f'1..0 # SKIP {skip}')
        return 0
    daemon = Daemon()
    try:
        return run(cases)
    finally:
        daemon.stop()


if __name__ == '__main__':
    sys.exit(main())
