#!/bin/sh
# unpack.sh PACKAGES BASE: a root file system at BASE of the packages that the file names. As root, in Debian.
set -eu
python=$(basename "$(readlink -f /usr/bin/python3)")
packages=$(sed -e 's/ *#.*//' -e "s/PYTHON/$python/" "$1")
base=$2

# Merged /usr before anything is unpacked: some packages still say /lib, and the loader is at /lib64.
mkdir -p "$base/usr/bin" "$base/usr/lib" "$base/usr/lib64" "$base/usr/sbin" "$base/debs"
for name in bin lib lib64 sbin; do ln -s "usr/$name" "$base/$name"; done

cd "$base/debs"
apt-get update
# shellcheck disable=SC2086  # one word a package
apt-get download -o APT::Sandbox::User=root $packages
mkdir -p "$base/var/lib/dpkg/status.d"
for deb in *.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar --extract --keep-directory-symlink --directory "$base"
    # Without dpkg there is no database of what is installed. Scanners read these instead, as in distroless images.
    name=$(dpkg-deb --field "$deb" Package)
    { dpkg-deb --field "$deb"; echo 'Status: install ok installed'; } > "$base/var/lib/dpkg/status.d/$name"
done
rm -r "$base/debs"

cd "$base"
# The licences stay. What no program reads goes, and character sets, which Python brings itself.
find usr/share/doc -mindepth 2 ! -name copyright ! -type d -delete
rm -rf usr/share/base-files usr/share/bug usr/share/debconf usr/share/gcc usr/share/gdb usr/share/info \
    usr/share/lintian usr/share/locale usr/share/man usr/share/perl5 usr/share/pixmaps usr/share/applications \
    usr/lib/*/gconv usr/lib/*/engines-3 usr/lib/*/libmvec.so.1 usr/sbin/update-ca-certificates \
    etc/ca-certificates etc/kernel etc/profile.d etc/skel etc/update-motd.d etc/default
# Of the standard library what is for people at a terminal, for its own tests, or without the library that it needs.
cd "usr/lib/$python"
rm -rf test _pyrepl curses dbm pydoc_data tkinter turtle.py turtledemo unittest/test \
    lib-dynload/_test*.so lib-dynload/_ctypes_test*.so lib-dynload/_curses*.so lib-dynload/_dbm*.so \
    lib-dynload/_gdbm*.so lib-dynload/readline*.so lib-dynload/xx*.so
cd "$base"

# What the packages' scripts would have done.
ln -s "$python" usr/bin/python3
mkdir -p etc/ssl/certs usr/lib/ssl
cat usr/share/ca-certificates/mozilla/*.crt > etc/ssl/certs/ca-certificates.crt
ln -sf /etc/ssl/certs/ca-certificates.crt usr/lib/ssl/cert.pem
ln -sf /etc/ssl/certs usr/lib/ssl/certs
rm -r usr/share/ca-certificates
printf 'root:x:0:0:root:/:/nologin\nnonroot:x:65532:65532:nonroot:/:/nologin\n' > etc/passwd
printf 'root:x:0:\nnonroot:x:65532:\n' > etc/group
# Without it the resolver asks the DNS for localhost first.
echo 'hosts: files dns' > etc/nsswitch.conf
chmod 1777 tmp
# By hash and not by time: layers may change a file's time, and nobody can write fresh ones later.
"/usr/bin/$python" -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$base" "$base/usr/lib/$python"
# No program of the image needs another user's rights.
find . -xdev -type f -perm /6000 -exec chmod a-s {} +
