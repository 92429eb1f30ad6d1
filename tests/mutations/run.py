#!/usr/bin/env python3
"""Shows that the unit tests catch each wrong variant of the lock rules in mutants.py.

usage: run.py SOURCE_DIR BUILD_DIR [NAME...]

Each variant is compiled alone, without sanitizers and unoptimised, in a private directory, and linked in
front of what BUILD_DIR (of Ninja) has of the rest. Fails if tests pass with it (a survivor), if its edit
does not apply any more, or if it does not compile.
"""

import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

from mutants import MUTANTS

TEST_TIMEOUT = 60  # seconds; a variant that hangs its tests is caught


class Failure(Exception):
    """Why a variant does not count as caught."""


class Survived(Failure):
    pass


class Builder:
    def __init__(self, source_dir, build_dir):
        self.source_dir = source_dir
        self.build_dir = build_dir
        with open(build_dir / 'compile_commands.json') as file:
            self.commands = {c['file']: shlex.split(c['command']) for c in json.load(file)}
        self.links = {}
        for program in {m.program for m in MUTANTS}:
            self.links[program] = self.link_command(program)

    def link_command(self, program):
        lines = self.run(['ninja', '-t', 'commands', '-s', self.output_of(program)], self.build_dir)
        steps = [step for step in lines.strip().split(' && ') if ' -o ' in step]
        return shlex.split(steps[0])

    def output_of(self, program):
        room = program.split('_')[1]
        return f'tests/unit/{room}/{program}'

    @staticmethod
    def run(command, cwd):
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f'{command[0]} failed:\n{done.stderr[-2000:]}')
        return done.stdout

    def mutate(self, mutant):
        text = (self.source_dir / mutant.file).read_text()
        times = text.count(mutant.find)
        if times != 1:
            raise Failure(f'expected its text once in {mutant.file}, found it {times} times')
        return text.replace(mutant.find, mutant.replace)

    def compile(self, mutant, directory):
        """The object file of the variant."""
        if mutant.program == 'unit_engine':
            original = self.source_dir / mutant.file
            source = directory / original.name
            source.write_text(self.mutate(mutant))
        else:
            original = self.build_dir / 'daemon/redis/scripts.cc'
            source = directory / 'scripts.cc'
            self.embed(mutant, directory, source)
        command = [word for word in self.commands[str(original)]
                   if not re.match(r'-fsanitize|--coverage|-O|-g$|-W|ccache|.*/ccache$', word)]
        target = directory / 'variant.o'
        for flag, value in (('-o', target), ('-c', source)):
            command[command.index(flag) + 1] = str(value)
        self.without_dependencies(command)
        self.run(command + ['-O0', '-w'], self.build_dir)
        return target

    @staticmethod
    def without_dependencies(command):
        for flag, length in (('-MD', 1), ('-MT', 2), ('-MF', 2)):
            if flag in command:
                at = command.index(flag)
                del command[at:at + length]

    def embed(self, mutant, directory, target):
        scripts = directory / 'scripts'
        shutil.copytree((self.source_dir / mutant.file).parent, scripts)
        (scripts / pathlib.Path(mutant.file).name).write_text(self.mutate(mutant))
        embedded = (self.build_dir / 'daemon/redis/scripts.cc').read_text()
        names = re.findall(r'^    \{"(\w+)", ', embedded, re.M)
        self.run(['cmake', '-DSCRIPTS=' + ';'.join(names), f'-DFROM={scripts}', f'-DTO={target}',
                  '-P', str(self.source_dir / 'daemon/redis/embed.cmake')], directory)

    def link(self, mutant, variant, directory):
        command = list(self.links[mutant.program])
        program = directory / mutant.program
        at = command.index('-o')
        command[at + 1:at + 2] = [str(program), str(variant)]
        self.run(command, self.build_dir)
        return program


def survives(program, mutant, directory):
    environment = dict(os.environ, TMPDIR=str(directory), GCOV_PREFIX=str(directory),
                       REDLOCKD_SEEDS='10', ASAN_OPTIONS='detect_leaks=0', UBSAN_OPTIONS='')
    try:
        done = subprocess.run([program, f'--gtest_filter={mutant.catch}', '--gtest_fail_fast'],
                              cwd=directory, env=environment, timeout=TEST_TIMEOUT,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def check(builder, mutant):
    with tempfile.TemporaryDirectory(prefix='redlockd-mutant-') as name:
        directory = pathlib.Path(name)
        program = builder.link(mutant, builder.compile(mutant, directory), directory)
        if survives(program, mutant, directory):
            raise Survived(f'survived {mutant.catch} of {mutant.program}')


def check_control(builder, program):
    """The sources as they are, built in the same way, must pass: else nothing would be shown."""
    first = next(m for m in MUTANTS if m.program == program)
    same = dataclasses.replace(first, replace=first.find, catch='-Worlds.*')
    try:
        check(builder, same)
    except Survived:
        return
    raise Failure(f'{program} fails with nothing changed')


def main():
    source_dir, build_dir = (pathlib.Path(arg).resolve() for arg in sys.argv[1:3])
    wanted = [m for m in MUTANTS if len(sys.argv) == 3 or m.name in sys.argv[3:]]
    if not wanted:
        sys.exit('run.py: no variant of that name')
    builder = Builder(source_dir, build_dir)
    started = time.monotonic()
    for program in sorted({m.program for m in wanted}):
        check_control(builder, program)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = [(mutant, pool.submit(check, builder, mutant)) for mutant in wanted]
        for mutant, future in futures:
            try:
                future.result()
                print(f'caught    {mutant.rule:3} {mutant.name}')
            except Failure as failure:
                failed += 1
                print(f'NOT CAUGHT {mutant.rule} {mutant.name} ({mutant.harm}): {failure}')
    print(f'{len(wanted) - failed} of {len(wanted)} caught in {time.monotonic() - started:.0f} s')
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
