#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Makes a package repository as small as an image can come from:
#
#   make-repository.sh FOLDER [VERSION]
#
# FOLDER/dists/try/InRelease is signed with a key made for it, whose public half is FOLDER/key.gpg.
set -eu
folder=$1
version=${2:-6.1-1}
release=6.1-test-riscv64
work=$folder/work

# package NAME DEPENDS: packs work/NAME
package () {
  mkdir -p "$work/$1/DEBIAN" "$folder/pool"
  {
    printf 'Package: %s\nVersion: %s\nArchitecture: riscv64\n' "$1" "$version"
    printf 'Maintainer: Nobody <nobody@example.org>\nInstalled-Size: 1\n'
    [ -z "$2" ] || printf 'Depends: %s\n' "$2"
    printf 'Description: for a test\n'
  } >"$work/$1/DEBIAN/control"
  dpkg-deb --root-owner-group -b "$work/$1" "$folder/pool/$1_${version}_riscv64.deb" >/dev/null
}

mkdir -p "$folder"
rm -rf "$work" "$folder/pool" "$folder/dists"
kernel=$work/linux-image-$release
mkdir -p "$kernel/boot" "$kernel/usr/lib/modules/$release" "$work/busybox-static/usr/bin"
printf 'a kernel, version %s' "$version" >"$kernel/boot/vmlinux-$release"
for module in virtio_mmio virtio_blk virtio_net virtio-rng virtio_console virtio_balloon virtio_input evdev ext4 crc32c_generic; do
  printf 'kernel/%s.ko\n' $module
done >"$kernel/usr/lib/modules/$release/modules.builtin"
printf 'a busybox' >"$work/busybox-static/usr/bin/busybox"

package "linux-image-$release" 'kmod, initramfs-tools (>= 0.120+deb8u2) | linux-initramfs-tool'
package linux-image-riscv64 "linux-image-$release (= $version)"
package busybox-static ''

lists=$folder/dists/try/main/binary-riscv64
mkdir -p "$lists"
cd "$folder"
for deb in pool/*.deb; do
  dpkg-deb -f "$deb"
  printf 'Filename: %s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(wc -c <"$deb")" \
    "$(sha256sum "$deb" | cut -d' ' -f1)"
done >"$lists/Packages"

cd "$folder/dists/try"
{
  printf 'Origin: Try\nLabel: Try\nSuite: try\nCodename: try\nArchitectures: riscv64\n'
  printf 'Components: main\nDate: %s\nSHA256:\n' "$(LC_ALL=C date -Ru)"
  file=main/binary-riscv64/Packages
  printf ' %s %s %s\n' "$(sha256sum $file | cut -d' ' -f1)" "$(wc -c <$file)" $file
} >Release

GNUPGHOME=$folder/gnupg
export GNUPGHOME
if [ ! -e "$folder/key.gpg" ]; then
  mkdir -m 700 "$GNUPGHOME"
  gpg --batch --quiet --passphrase '' --quick-generate-key 'Try <try@example.org>' ed25519 sign never
  gpg --batch --quiet --export >"$folder/key.gpg"
fi
gpg --batch --quiet --yes --clearsign -o InRelease Release
gpgconf --kill gpg-agent
