# Sourced by ops/run and ops/test: finds Python, creates .venv, installs the versions in ops/constraints.txt.
# Reports what is missing and how to get it; installs again only when the requirements have changed.

say() { printf '%s\n' "$*" >&2; }
die() { say "$0: $*"; exit 1; }

find_python() {
  local name
  for name in ${PYTHON:-} python3.11 python3.12 python3.13 python3; do
    if command -v "$name" >/dev/null 2>&1 &&
      "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  die "Python 3.11, 3.12 or 3.13 is missing. On Debian: apt-get install python3 python3-venv"
}

# make_environment EXTRAS: e.g. '' or '[test]'. Leaves `bin` pointing at the environment's programs.
make_environment() {
  local python asked stamp
  python=$(find_python) || exit 1
  bin=$PWD/.venv/bin
  if ! "$bin/python" -c '' 2>/dev/null; then
    say "creating .venv with $python"
    rm -rf .venv
    "$python" -m venv .venv || die "the module venv is missing. On Debian: apt-get install python3-venv"
  fi
  asked=$(cat pyproject.toml ops/constraints.txt | "$bin/python" -c \
    'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
  # An environment with further extras will do: installing takes the package away for a moment.
  for stamp in .venv/installed"${1//[^a-z]/}"*; do
    [ "$(cat "$stamp" 2>/dev/null)" = "$asked $PWD" ] && return
  done
  say "installing lakehouse$1 (once)"
  "$bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint ops/constraints.txt --editable ".$1" || die "the installation failed; see above"
  printf '%s' "$asked $PWD" >".venv/installed${1//[^a-z]/}"
}
