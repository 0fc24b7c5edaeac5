#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The arithmetic and the errors of the benchmark driver, without running a benchmark."""
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from benchlib import debian, machines, report  # noqa: E402


class Table(unittest.TestCase):
    def setUp(self):
        self.results = report.Results()
        for column, rate, seconds in (('native', 100, 1), ('hybrid', 50, 2), ('qemu-7.2', 10, 8),
                                      ('qemu-10.0', 5, 16)):
            self.results.add_line(column, f'rate {rate} k/s')
            self.results.add_line(column, f'program_x {seconds} s')

    def test_both_emulators_have_their_ratios(self):
        head, rate, program, mean = self.results.table().splitlines()
        self.assertEqual(head.split()[-2:], ['hybrid/qemu-7.2', 'hybrid/qemu-10.0'])
        self.assertEqual(rate.split()[-5:], ['0.5', '0.1', '0.05', '5', '10'])
        self.assertEqual(program.split()[-5:], ['0.5', '0.125', '0.0625', '4', '8'])
        self.assertEqual(mean.split()[-5:], ['0.5', '0.125', '0.0625', '4', '8'])

    def test_wrong_output_is_told(self):
        self.results.add_line('native', '# awk output: 1')
        self.results.add_line('hybrid', '# awk output: 2')
        self.assertIn('WRONG', self.results.notes[-1])

    def test_other_lines_are_no_figures(self):
        self.assertFalse(self.results.add_line('hybrid', 'rate 3'))
        self.assertEqual(self.results.median('hybrid', 'rate'), 50)


class Unpacked(unittest.TestCase):
    def test_own_loader_and_libraries(self):
        with tempfile.TemporaryDirectory() as root:
            with self.assertRaisesRegex(RuntimeError, 'no loader'):
                machines.loader(root)
            libraries = os.path.join(root, 'usr/lib/x86_64-linux-gnu')
            os.makedirs(libraries)
            path = os.path.join(libraries, 'ld-linux-x86-64.so.2')
            with open(path, 'w', encoding='ascii') as file:
                file.write('#!/bin/sh')
            os.chmod(path, 0o755)
            self.assertEqual(machines.loader(root), [path, '--library-path', libraries])

    def test_no_version(self):
        with self.assertRaisesRegex(RuntimeError, 'says no version'):
            machines.Qemu(path='/bin/true')

    def test_mirror_that_does_not_answer(self):
        with tempfile.TemporaryDirectory() as work:
            for _ in range(2):
                with self.assertRaisesRegex(RuntimeError, 'suite "trixie".*--mirror'):
                    debian.fetch_qemu(work, 'trixie', f'file://{work}/nowhere')


if __name__ == '__main__':
    program = unittest.main(exit=False, verbosity=2)
    sys.exit(not program.result.wasSuccessful())
