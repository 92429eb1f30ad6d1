#!/usr/bin/env python3
"""Shows that the tests catch each wrong variant of the lock rules in mutants.py.

usage: run.py SOURCE_DIR BUILD_DIR [--sim] [NAME...]
       run.py --apply-only SOURCE_DIR

Without --sim it is the unit tests that must catch it, with it the simulator, where a variant says in how
many worlds. Each variant is built in a private directory (builder.py). Fails if tests pass with it (a
survivor), if its edit does not apply any more, or if it does not compile.
"""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

from builder import OUTPUTS, Builder, Failure, mutate
from mutants import MUTANTS

TEST_TIMEOUT = 60  # seconds; a variant that hangs its tests is caught
SIM_TIMEOUT = 900  # for all worlds that a variant is given, on a machine that has other work


class Survived(Failure):
    pass


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
        return dataclasses.replace(mutant, replace=mutant.find)

    def catches(self, mutant, directory):
        program = self.builder.build(mutant, mutant.program, directory, optimised=False)
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
            program = self.builder.build_dir / OUTPUTS['sim']
            arguments += ['--scripts', str(self.builder.copy_scripts(mutant, directory))]
        else:
            program = self.builder.build(mutant, 'sim', directory, optimised=True)
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
        os.chmod(name, 0o755)  # some tests have clients of other users
        how = judge.catches(mutant, pathlib.Path(name))
    if how is None:
        raise Survived(f'survived {judge.name}')
    return how


def check_controls(judge, wanted):
    """The sources as they are, built in the same way, must pass: else nothing would be shown."""
    kinds = {}
    for mutant in wanted:
        kinds.setdefault((mutant.program, mutant.is_header), []).append(mutant)
    for same in kinds.values():
        catch = ':'.join(sorted({mutant.catch for mutant in same}))
        try:
            check(judge, dataclasses.replace(judge.unchanged(same[0]), catch=catch))
        except Survived:
            continue
        raise Failure(f'{judge.name} fail with nothing changed')


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('source_dir', type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument('build_dir', type=lambda path: pathlib.Path(path).resolve(), nargs='?')
    parser.add_argument('--apply-only', action='store_true', help='only look whether each edit applies')
    parser.add_argument('--sim', action='store_true', help='the simulator, not the unit tests')
    parser.add_argument('names', nargs='*', metavar='NAME', help='only these variants')
    arguments = parser.parse_intermixed_args()
    if not arguments.build_dir and not arguments.apply_only:
        parser.error('expected BUILD_DIR')
    return arguments


def check_that_all_apply(source_dir):
    failed = 0
    for mutant in MUTANTS:
        try:
            mutate(source_dir, mutant)
        except Failure as failure:
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
    check_controls(judge, wanted)
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
