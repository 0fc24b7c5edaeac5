#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts the test cases that meson ran, and names those that failed.

usage: count-tests.py LOG:TESTS...

LOG is a testlog.json of meson, TESTS what `meson introspect --tests` printed for the same build
directory, narrowed to what was to run. A TAP program counts by its cases, any other as one. A
program that ends badly without a failed case (a crash, a timeout, cases that never ran) counts as
one failure, and so does one that was to run and is not in the log.

Prints "N passed, N failed" with ", N skipped" where there are any, as its only line on standard
output; exits 1 unless all that ran passed and something did.
"""
import json
import re
import sys

CASE = re.compile(r'^(not )?ok\b([^#]*)(?:#\s*(\w+)(.*))?', re.I)
BAD = {'FAIL', 'ERROR', 'TIMEOUT', 'INTERRUPT', 'UNEXPECTEDPASS', 'CANCELLED'}


def complain(test, what):
    print(f'FAILED {test}: {what}', file=sys.stderr)


def count_program(test):
    """Returns how many cases of one program passed, failed and were skipped."""
    name, result = test['name'], test['result']
    passed = failed = skipped = 0
    for line in (test.get('stdout') or '').splitlines():
        case = CASE.match(line)
        if not case:
            continue
        bad, title, directive, reason = case.groups()
        directive = (directive or '').upper()
        if directive == 'SKIP':
            skipped += 1
            print(f'skipped {name}:{title.rstrip()}:{reason}', file=sys.stderr)
        elif bad and directive != 'TODO':
            failed += 1
            complain(name, title.strip())
        else:
            passed += 1
    if result in BAD and failed == 0:
        failed += 1
        complain(name, f'{result.lower()}, exit status {test.get("returncode")}')
    elif result not in BAD and failed > 0:
        complain(name, 'meson took a failed case for a pass')
    elif passed + failed + skipped == 0:
        if result == 'SKIP':
            skipped = 1
            print(f'skipped {name}', file=sys.stderr)
        else:
            passed = 1
    return passed, failed, skipped


def main(pairs):
    totals = [0, 0, 0]
    for pair in pairs:
        log, expected = pair.split(':')
        with open(expected, encoding='utf-8') as file:
            wanted = {test['name'] for test in json.load(file)}
        seen = set()
        with open(log, encoding='utf-8') as file:
            for line in file:
                test = json.loads(line)
                # "project:suite / name", or the bare name where there is one suite
                seen.add(test['name'].split(' / ')[-1])
                totals = [a + b for a, b in zip(totals, count_program(test))]
        for name in sorted(wanted - seen):
            complain(name, 'did not run')
            totals[1] += 1
    passed, failed, skipped = totals
    print(f'{passed} passed, {failed} failed' + (f', {skipped} skipped' if skipped else ''))
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
