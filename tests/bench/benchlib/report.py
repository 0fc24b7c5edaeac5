# SPDX-License-Identifier: LGPL-2.1-or-later
"""Collects figures, takes medians, prints the table."""
import json
import math
import re
import statistics

# `name value unit`; anything after it is somebody else's line
FIGURE = re.compile(r'^([a-z][a-z0-9_]*) (-?[0-9.]+(?:e[-+]?\d+)?) ([A-Za-z/% ]+)$')
TIME_UNITS = {'s', 'ms', 'ns', 'MiB', '%'}


class Results:
    """Figures by column (native, an engine, another emulator) and name."""

    def __init__(self):
        self.values = {}        # (column, name): [value]
        self.units = {}         # name: unit, in order of appearance
        self.columns = []
        self.notes = []
        self.outputs = {}       # name of a program: (column that ran it first, its output)

    def add(self, column, name, value, unit):
        if column not in self.columns:
            self.columns.append(column)
        self.units.setdefault(name, unit)
        self.values.setdefault((column, name), []).append(value)

    def add_line(self, column, line):
        """Takes a line of a benchmark program, if it is one. Returns whether it was."""
        match = FIGURE.match(line)
        if match:
            self.add(column, match.group(1), float(match.group(2)), match.group(3))
        elif line.startswith('# '):
            self.add_note(column, line[2:])
        return bool(match)

    def add_note(self, column, note):
        """What a program printed must be the same everywhere; other notes are for the reader."""
        output = re.match(r'(\S+) output: (.*)', note)
        if not output:
            self.notes.append(f'{column}: {note}')
            return
        name, text = output.groups()
        first, expected = self.outputs.setdefault(name, (column, text))
        if text != expected:
            self.notes.append(f'{column}: {name}: WRONG output "{text}"; {first} printed "{expected}"')

    def median(self, column, name):
        values = self.values.get((column, name))
        if not values:
            return None
        # The first run of a real program also reads it from disk.
        if name.startswith('program_') and len(values) > 1:
            values = values[1:]
        return statistics.median(values)

    def lower_is_better(self, name):
        return self.units[name] in TIME_UNITS

    def ratio(self, column, other, name):
        """How many times as fast (or small) @column is as @other."""
        ours, theirs = self.median(column, name), self.median(other, name)
        if not ours or not theirs:
            return None
        return theirs / ours if self.lower_is_better(name) else ours / theirs

    def geometric_mean(self, column, other, prefix):
        ratios = [self.ratio(column, other, name) for name in self.units if name.startswith(prefix)]
        ratios = [ratio for ratio in ratios if ratio]
        return math.exp(statistics.fmean(map(math.log, ratios))) if ratios else None

    def table(self):
        """Medians, with the share of native and the ratio of each of ours to each QEMU behind."""
        qemus = [column for column in self.columns if column.startswith('qemu')]
        ours = [column for column in self.columns if column != 'native' and column not in qemus]
        pairs = [(column, other) for column in ours + qemus for other in ['native']
                 if 'native' in self.columns]
        pairs += [(column, other) for column in ours for other in qemus]
        head = (['benchmark', 'unit'] + self.columns + [f'{a}/{b}' for a, b in pairs])
        rows = [head]
        for name, unit in self.units.items():
            row = [name, unit + (' (less is better)' if self.lower_is_better(name) else '')]
            row += [number(self.median(column, name)) for column in self.columns]
            row += [number(self.ratio(a, b, name)) for a, b in pairs]
            rows.append(row)
        if any(name.startswith('program_') for name in self.units):
            rows.append(['programs, geometric mean', ''] + [''] * len(self.columns) +
                        [number(self.geometric_mean(a, b, 'program_')) for a, b in pairs])
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        lines = []
        for row in rows:
            cells = [cell.ljust(width) if i < 2 else cell.rjust(width)
                     for i, (cell, width) in enumerate(zip(row, widths))]
            lines.append('  '.join(cells).rstrip())
        return '\n'.join(lines)

    def to_json(self):
        return json.dumps({
            'columns': self.columns,
            'benchmarks': [
                {'name': name, 'unit': unit, 'lower_is_better': self.lower_is_better(name),
                 'medians': {column: self.median(column, name) for column in self.columns},
                 'runs': {column: self.values.get((column, name), []) for column in self.columns}}
                for name, unit in self.units.items()],
            'notes': self.notes,
        }, indent=1)


def number(value):
    if value is None:
        return '-'
    if value >= 100:
        return f'{value:.0f}'
    return f'{value:.3g}'
