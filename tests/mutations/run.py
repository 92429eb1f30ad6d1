#!/usr/bin/env python3
"""Shows that the tests catch each wrong variant of the lock rules in mutants.py.

usage: run.py SOURCE_DIR BUILD_DIR [--sim] [NAME...]
       run.py --apply-only SOURCE_DIR

Without --sim it is the unit tests that must catch it, with it the simulator, where a variant says in how
many worlds. Each variant is compiled alone, without sanitizers, in a private directory, and linked in front
of what BUILD_DIR (of Ninja) has of the rest. Fails if tests pass with it (a survivor), if its edit does not
apply any more, or if it does not compile.
"""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from mutants import MUTANTS

TEST_TIMEOUT = 60  # seconds; a variant that hangs its tests is caught
SIM_TIMEOUT = 300


class Failure(Exception):
    """Why a variant does not count as caught."""


class Survived(Failure):
    pass


def mutate(source_dir, mutant):
    """The text of its file with its edit."""
    text = (source_dir / mutant.file).read_text()
    times = text.count(mutant.find)
    if times != 1:
        raise Failure(f'expected its text once in {mutant.file}, found it {times} times')
    return text.replace(mutant.find, mutant.replace)


class Builder:
    def __init__(self, source_dir, build_dir):
        self.source_dir = source_dir
        self.build_dir = build_dir
        with open(build_dir / 'compile_commands.json') as file:
            self.commands = {c['file']: shlex.split(c['command']) for c in json.load(file)}
        self.links = {}

    def link_command(self, program):
        if program not in self.links:
            lines = self.run(['ninja', '-t', 'commands', '-s', self.output_of(program)], self.build_dir)
            steps = [step for step in lines.strip().split(' && ') if ' -o ' in step]
            self.links[program] = shlex.split(steps[0])
        return list(self.links[program])

    @staticmethod
    def output_of(program):
        if program == 'sim':
            return 'tests/sim/sim'
        room = program.split('_')[1]
        return f'tests/unit/{room}/{program}'

    @staticmethod
    def run(command, cwd):
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f'{command[0]} failed:\n{done.stderr[-2000:]}')
        return done.stdout

    def compile(self, mutant, directory, optimised):
        """The object file of the variant."""
        if mutant.is_script:
            original = self.build_dir / 'daemon/redis/scripts.cc'
            source = directory / 'scripts.cc'
            self.embed(mutant, directory, source)
        else:
            original = self.source_dir / mutant.file
            source = directory / original.name
            source.write_text(mutate(self.source_dir, mutant))
        command = [word for word in self.commands[str(original)]
                   if not re.match(r'-fsanitize|--coverage|-O|-g$|-W|ccache|.*/ccache$', word)]
        target = directory / 'variant.o'
        for flag, value in (('-o', target), ('-c', source)):
            command[command.index(flag) + 1] = str(value)
        self.without_dependencies(command)
        self.run(command + ['-O1' if optimised else '-O0', '-w'], self.build_dir)
        return target

    @staticmethod
    def without_dependencies(command):
        for flag, length in (('-MD', 1), ('-MT', 2), ('-MF', 2)):
            if flag in command:
                at = command.index(flag)
                del command[at:at + length]

    def copy_scripts(self, mutant, directory):
        scripts = directory / 'scripts'
        shutil.copytree((self.source_dir / mutant.file).parent, scripts)
        (scripts / pathlib.Path(mutant.file).name).write_text(mutate(self.source_dir, mutant))
        return scripts

    def embed(self, mutant, directory, target):
        scripts = self.copy_scripts(mutant, directory)
        embedded = (self.build_dir / 'daemon/redis/scripts.cc').read_text()
        names = re.findall(r'^    \{"(\w+)", ', embedded, re.M)
        self.run(['cmake', '-DSCRIPTS=' + ';'.join(names), f'-DFROM={scripts}', f'-DTO={target}',
                  '-P', str(self.source_dir / 'daemon/redis/embed.cmake')], directory)

    def link(self, name, variant, directory):
        command = self.link_command(name)
        program = directory / name
        at = command.index('-o')
        command[at + 1:at + 2] = [str(program), str(variant)]
        self.run(command, self.build_dir)
        return program


def run_tests(command, directory, timeout):
    """Its exit code and output; none if it hangs, and then nothing of it is left."""
    environment = dict(os.environ, TMPDIR=str(directory), GCOV_PREFIX=str(directory),
                       ASAN_OPTIONS='detect_leaks=0', UBSAN_OPTIONS='')
    with subprocess.Popen(command, cwd=directory, env=environment, start_new_session=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        try:
            output, _ = running.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            return None, ''
    return running.returncode, output


class UnitTests:
    """Who catches a variant: the tests that it names. A test that hangs has caught it, too."""

    name = 'the unit tests'

    def __init__(self, builder):
        self.builder = builder

    @staticmethod
    def wants(mutant):
        return mutant.catch

    @staticmethod
    def unchanged(mutant):
        return dataclasses.replace(mutant, replace=mutant.find, catch='*')

    def catches(self, mutant, directory):
        variant = self.builder.compile(mutant, directory, optimised=False)
        program = self.builder.link(mutant.program, variant, directory)
        code, _ = run_tests([program, f'--gtest_filter={mutant.catch}', '--gtest_fail_fast'],
                            directory, TEST_TIMEOUT)
        return None if code == 0 else ''


class Simulator:
    """Who catches a variant: one of its first `worlds` worlds."""

    name = 'the simulator'

    def __init__(self, builder):
        self.builder = builder

    @staticmethod
    def wants(mutant):
        return mutant.worlds

    @staticmethod
    def unchanged(mutant):
        return dataclasses.replace(mutant, replace=mutant.find, worlds=100)

    def catches(self, mutant, directory):
        arguments = ['--seeds', str(mutant.worlds), '--failures', '1', '--workers', '1']
        if mutant.is_script:
            program = self.builder.build_dir / self.builder.output_of('sim')
            arguments += ['--scripts', str(self.builder.copy_scripts(mutant, directory))]
        else:
            variant = self.builder.compile(mutant, directory, optimised=True)
            program = self.builder.link('sim', variant, directory)
        code, output = run_tests([program] + arguments, directory, SIM_TIMEOUT)
        if code == 0:
            return None
        seed = re.search(r'FAILED seed (\d+)', output)
        if not seed:
            raise Failure(f'the simulator found nothing: exit code {code}')
        return f', world {seed[1]}'


def check(judge, mutant):
    """What there is to say of how it was caught."""
    with tempfile.TemporaryDirectory(prefix='redlockd-mutant-') as name:
        how = judge.catches(mutant, pathlib.Path(name))
    if how is None:
        raise Survived(f'survived {judge.name}')
    return how


def check_control(judge, mutant):
    """The sources as they are, built in the same way, must pass: else nothing would be shown."""
    try:
        check(judge, judge.unchanged(mutant))
    except Survived:
        return
    raise Failure(f'{judge.name} fail with nothing changed')


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('source_dir', type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument('build_dir', type=lambda path: pathlib.Path(path).resolve(), nargs='?')
    parser.add_argument('--apply-only', action='store_true', help='only look whether each edit applies')
    parser.add_argument('--sim', action='store_true', help='the simulator, not the unit tests')
    parser.add_argument('names', nargs='*', metavar='NAME', help='only these variants')
    arguments = parser.parse_args()
    if not arguments.build_dir and not arguments.apply_only:
        parser.error('expected BUILD_DIR')
    return arguments


def check_that_all_apply(source_dir):
    failed = 0
    for mutant in MUTANTS:
        try:
            mutate(source_dir, mutant)
        except (Failure, OSError) as failure:
            failed += 1
            print(f'DOES NOT APPLY {mutant.rule} {mutant.name}: {failure}')
    print(f'{len(MUTANTS) - failed} of {len(MUTANTS)} variants apply')
    sys.exit(1 if failed else 0)


def main():
    arguments = parse_arguments()
    if arguments.apply_only:
        check_that_all_apply(arguments.source_dir)
    judge = (Simulator if arguments.sim else UnitTests)(Builder(arguments.source_dir, arguments.build_dir))
    unknown = set(arguments.names) - {m.name for m in MUTANTS}
    if unknown:
        sys.exit(f'run.py: no variant of the name {", ".join(sorted(unknown))}')
    wanted = [m for m in MUTANTS if judge.wants(m) and (not arguments.names or m.name in arguments.names)]
    started = time.monotonic()
    for program in sorted({m.program for m in wanted}):
        check_control(judge, next(m for m in wanted if m.program == program))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = [(mutant, pool.submit(check, judge, mutant)) for mutant in wanted]
        for mutant, future in futures:
            try:
                how = future.result()
                print(f'caught    {mutant.rule:3} {mutant.name}{how}', flush=True)
            except Failure as failure:
                failed += 1
                print(f'NOT CAUGHT {mutant.rule} {mutant.name} ({mutant.harm}): {failure}', flush=True)
    seconds = time.monotonic() - started
    print(f'{len(wanted) - failed} of {len(wanted)} caught by {judge.name} in {seconds:.0f} s')
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
