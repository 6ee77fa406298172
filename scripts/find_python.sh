#!/bin/sh
# Prints the Python to build with: the first of $PYTHON, python3.12, python3.11, python3, python that is a
# CPython 3.11 or 3.12 with venv and the C headers. Says what is missing when none is fit.
check='
import importlib.util, os, sys, sysconfig
v = "%d.%d" % sys.version_info[:2]
if v not in ("3.11", "3.12"):
    sys.exit("is Python %s" % v)
if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
    sys.exit("has no venv (Debian, Ubuntu: apt install python%s-venv)" % v)
if not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")):
    sys.exit("has no C headers (Debian, Ubuntu: apt install python%s-dev)" % v)
print(sys.executable)'
reasons=
for python in ${PYTHON:-python3.12 python3.11 python3 python}; do
    command -v "$python" >/dev/null 2>&1 || { reasons="$reasons
  $python: not found"; continue; }
    if found=$("$python" -c "$check" 2>&1); then
        if ! command -v "${CXX:-c++}" >/dev/null 2>&1 && ! command -v g++ >/dev/null 2>&1; then
            echo "tritorch needs a C++20 compiler (Debian, Ubuntu: apt install g++)" >&2
            exit 1
        fi
        echo "$found"
        exit 0
    fi
    reasons="$reasons
  $python: $(printf '%s' "$found" | tail -n 1)"
done
echo "tritorch needs Python 3.11 or 3.12 with venv and headers; name one with PYTHON=... . Tried:$reasons" >&2
exit 1
