#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What virt-install and virt-xml write is read, and what is written here they can change.

The tools ask our capabilities (tests/xml/capabilities) and libvirt's own test driver; no daemon is
needed. Prints TAP.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

# What may be dropped of the tools' documents, as read-xml says it.
HARMLESS = [
    r'devices/emulator has no effect',
    r"devices/controller\[@type='(pci|usb)'\] has no effect",
    r'devices/memballoon has no effect',
    r"target/@bus: 'ide' is read as 'virtio'",
    r'features/acpi has no effect',
    r'cpu/@migratable has no effect',
    r'driver/@name has no effect',
]

# Options of virt-install, and what must stand in the document that comes of them.
INSTALLS = [
    ('', ["<target dev='hda' bus='virtio'/>", "<serial type='pty'>"]),
    ('--virt-type qemu', ["<domain type='coppice'>"]),
    ('--vcpus 2,maxvcpus=4', ["<vcpu current='2'>4</vcpu>"]),
    ('--cpu mode=maximum', ["<cpu mode='maximum'"]),
    ('--cpu max,disable=zba', ['<model>max</model>', "<feature policy='disable' name='zba'/>"]),
    ('--graphics none --rng /dev/urandom', ['/dev/urandom</backend>']),
    ('--network bridge=br0,model=virtio', ["<source bridge='br0'/>"]),
    ('--channel unix,target.type=virtio,target.name=org.qemu.guest_agent.0',
     ["<target type='virtio' name='org.qemu.guest_agent.0'/>"]),
    ('--memballoon virtio --controller usb,model=none', []),
    ('--console pty,target.type=virtio', ["<target type='virtio' port='0'/>"]),
    ('--boot kernel=/boot/x,initrd=/boot/y,kernel_args=a=b', ['<cmdline>a=b</cmdline>']),
    ('--boot loader=/srv/fw.bin', ["<loader type='rom'>/srv/fw.bin</loader>"]),
    ('--metadata title=T,description=D', ['<title>T</title>', '<description>D</description>']),
    ('--serial file,path=/tmp/x.log', ["<source path='/tmp/x.log'/>"]),
    ('--events on_poweroff=destroy,on_reboot=restart,on_crash=preserve',
     ['<on_crash>preserve</on_crash>']),
]

# Options of virt-xml --build-xml: devices.
DEVICES = [
    ('--disk {disk},readonly=on,cache=none,serial=ab', ['<readonly/>', '<serial>ab</serial>']),
    ('--network user,model=virtio', ["<interface type='user'>"]),
    ('--network bridge=br0,mac=52:54:00:00:00:07', ['52:54:00:00:00:07']),
    ('--console pty', ["<console type='pty'>"]),
    ('--channel unix,target.type=virtio,target.name=a', ["name='a'"]),
    ('--rng /dev/urandom', ['/dev/urandom']),
    ('--serial tcp,host=127.0.0.1:4444,mode=bind,protocol=raw', ["service='4444'"]),
]

# Options of virt-xml that change a document, and what it must then have.
EDITS = [
    ('--edit --vcpus 3', ['<vcpu>3</vcpu>']),
    ('--edit --memory 512', ["<memory unit='KiB'>524288</memory>"]),
    ('--edit --metadata title=new', ['<title>new</title>']),
    ('--edit target=vda --disk readonly=yes', ['<readonly/>']),
    ('--add-device --network user', ["<interface type='user'>"]),
    ('--remove-device --rng all', []),
]

DOMAIN = """<domain type='coppice'>
  <name>a</name>
  <memory>65536</memory>
  <os><type>hvm</type></os>
  <devices>
    <disk type='file'><source file='/a.img'/><target dev='vda'/></disk>
    <console type='pty'/>
    <rng model='virtio'><backend model='random'/></rng>
  </devices>
</domain>
"""


class Tools:
    def __init__(self, reader, capabilities, folder):
        self.reader = reader
        self.disk = os.path.join(folder, 'disk.img')
        with open(self.disk, 'wb') as file:
            file.truncate(1 << 20)
        self.uri = (f'__virtinst_test__test:///default,caps={capabilities}/host.xml,'
                    f'domcaps={capabilities}/domain.xml,fakeuri=coppice:///session')
        self.env = dict(os.environ, HOME=folder, XDG_CACHE_HOME=folder, LC_ALL='C.UTF-8')

    def run(self, words, text=None):
        done = subprocess.run(words, input=text, env=self.env, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise RuntimeError(f'{" ".join(words)}: {done.stderr.strip() or done.stdout.strip()}')
        return done

    def read(self, kind, text, wanted):
        """Returns what is wrong with @text as a document of ours."""
        done = self.run([self.reader, kind], text)
        complaints = [f'dropped: {line}' for line in done.stderr.splitlines()
                      if not any(re.search(pattern, line) for pattern in HARMLESS)]
        return complaints + [f'not in it: {part}' for part in wanted if part not in done.stdout]

    def install(self, options, wanted):
        done = self.run(['virt-install', '--connect', self.uri, '--import', '--name', 'a',
                         '--memory', '256', '--disk', self.disk, '--osinfo', 'debian11',
                         '--arch', 'riscv64', '--network', 'user', '--print-xml']
                        + (options if '--virt-type' in options
                           else options + ['--virt-type', 'coppice']))
        return self.read('domain', done.stdout, wanted)

    def device(self, options, wanted):
        options = [word.replace('{disk}', self.disk) for word in options]
        done = self.run(['virt-xml', '--connect', self.uri, '--build-xml'] + options)
        return self.read('device', done.stdout, wanted)

    def edit(self, options, wanted):
        before = self.run([self.reader, 'domain'], DOMAIN).stdout
        done = self.run(['virt-xml', '--connect', self.uri] + options, before)
        return self.read('domain', done.stdout, wanted)


def main(reader, capabilities):
    if not shutil.which('virt-install'):
        must = os.environ.get('COPPICE_CHECK')
        print('1..1')
        print('not ok 1 virt-install is missing' if must
              else 'ok 1 # SKIP virt-install is not installed')
        return 1 if must else 0

    failures = 0
    number = 0
    print(f'1..{len(INSTALLS) + len(DEVICES) + len(EDITS)}')
    with tempfile.TemporaryDirectory() as folder:
        tools = Tools(reader, capabilities, folder)
        for title, rows, call in (('virt-install --import', INSTALLS, tools.install),
                                  ('virt-xml --build-xml', DEVICES, tools.device),
                                  ('virt-xml', EDITS, tools.edit)):
            for options, wanted in rows:
                number += 1
                try:
                    complaints = call(options.split(), wanted)
                except RuntimeError as error:
                    complaints = str(error).splitlines()
                failures += bool(complaints)
                print(f'{"not ok" if complaints else "ok"} {number} {title} {options}')
                for complaint in complaints:
                    print(f'# {complaint}', flush=True)
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
