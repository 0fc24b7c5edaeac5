# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# What ./demo and ./check share: packages and build. Sourced from the root of the source tree.

say () {
  printf '\033[1m==>\033[0m %s\n' "$*" >&2
}

if [ ! -t 2 ]; then
  say () {
    printf '==> %s\n' "$*" >&2
  }
fi

die () {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# rows USE...: the rows of scripts/packages for these uses, as "package description"
rows () {
  awk -v uses=" $* " '!/^#/ && NF && index (uses, " " $1 " ") {
    $1 = ""; sub (/^ +/, ""); print }' scripts/packages
}

is_installed () {
  case $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) in
    installed) return 0 ;;
    *) return 1 ;;
  esac
}

# missing USE...: the packages that are not installed, "a|b" where there is a choice
missing () {
  local choice package

  rows "$@" | while read -r choice _; do
    for package in ${choice//|/ }; do
      is_installed "$package" && continue 2
    done
    printf '%s\n' "$choice"
  done
}

# choose CHOICE...: the first of each a|b that the system's archive has
choose () {
  local choice package

  for choice in "$@"; do
    for package in ${choice//|/ }; do
      if apt-cache show "$package" >/dev/null 2>&1; then
        break
      fi
    done
    printf '%s\n' "$package"
  done
}

as_root () {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "this needs root and there is no sudo; run as root: $*"
  fi
}

# need USE...: installs what is missing of these uses, after saying so
need () {
  local choices packages

  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    [ -z "${NO_INSTALL-}" ] || return 0
    {
      printf 'This is no Debian system, so these have to be installed by hand:\n\n'
      rows "$@" | while read -r package description; do
        printf '  %s (Debian: %s)\n' "$description" "${package//|/ or }"
      done
      printf '\nThen run: %s --no-install\n' "$0"
    } >&2
    exit 1
  fi

  mapfile -t choices < <(missing "$@")
  [ ${#choices[@]} -gt 0 ] || return 0
  if [ -n "${NO_INSTALL-}" ]; then
    die "these packages are missing: ${choices[*]//|/ or }; install them, or leave out --no-install"
  fi

  say "installing with apt-get: ${choices[*]//|/ or }"
  as_root apt-get -q -o DPkg::Lock::Timeout=600 update ||
    say "apt-get update failed; trying with the package lists there are"
  mapfile -t packages < <(choose "${choices[@]}")
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y -o DPkg::Lock::Timeout=600 install --no-install-recommends "${packages[@]}" \
    </dev/null >&2 ||
    die "the packages could not be installed; see apt-get's message above"
}

# build DIRECTORY [MESON OPTION]...: configures where these options are new, builds what changed
build () {
  local directory=$1 how=() quiet=()
  shift

  if [ -e "$directory/build.ninja" ]; then
    how=(--reconfigure)
  fi
  if [ ${#how[@]} = 0 ] || { [ $# -gt 0 ] && [ "$(cat "$directory/options" 2>/dev/null)" != "$*" ]; }; then
    say "configuring $directory"
    meson setup "${how[@]}" "$directory" "$@" >"$directory.log" 2>&1 || {
      cat "$directory.log" >&2
      die "meson could not configure $directory; its message is above"
    }
    mv "$directory.log" "$directory/setup.log"
    printf '%s\n' "$*" >"$directory/options"
  fi
  say "building $directory"
  # On a terminal one line that changes; elsewhere hundreds of lines that say nothing.
  [ -t 2 ] || quiet=(--quiet)
  ninja "${quiet[@]}" -C "$directory" >&2 || die "the build in $directory failed; the compiler's message is above"
}
