#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Narrows what `meson introspect --tests` prints (standard input) to the suites given as
arguments; without any, to nothing less than all."""
import json
import sys

suites = set(sys.argv[1:])
tests = [test for test in json.load(sys.stdin)
         if not suites or suites & {suite.split(':')[-1] for suite in test['suite']}]
json.dump([{'name': test['name'], 'suite': test['suite']} for test in tests], sys.stdout)
