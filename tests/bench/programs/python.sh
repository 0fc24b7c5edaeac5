# SPDX-License-Identifier: LGPL-2.1-or-later
# An interpreter: dictionaries, strings, objects, sorting, regular expressions.
exec python3 /bench/python.py
