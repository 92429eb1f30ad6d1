"""Builds a test program with one variant in it, next to a build by Ninja that stays as it is.

Each source that sees the edit is compiled anew, without sanitizers, in a private directory. It replaces
the object of the build where the link names that, and stands before the archive that contains it else, so
the linker takes it from there. What takes most of the time is read once: the headers of the standard
library are compiled beforehand.
"""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import threading

from functions import functions, names_leading_to

OUTPUTS = {
    'sim': 'tests/sim/sim',
    'unit_app': 'tests/unit/app/unit_app',
    'unit_cli': 'tests/unit/libclient/unit_cli',
    'unit_config': 'tests/unit/config/unit_config',
    'unit_engine': 'tests/unit/engine/unit_engine',
    'unit_session': 'tests/unit/session/unit_session',
    'unit_redis_nodes': 'tests/unit/redis/unit_redis_nodes',
    'unit_redis_scripts': 'tests/unit/redis/unit_redis_scripts',
}
SCRIPTS = 'daemon/redis/scripts.cc'  # in the build directory: all scripts as strings
COMMON_HEADERS = (
    'algorithm', 'array', 'chrono', 'compare', 'cstdint', 'deque', 'functional', 'iterator', 'limits', 'list',
    'map', 'memory', 'optional', 'random', 'set', 'span', 'sstream', 'stdexcept', 'string', 'string_view',
    'tuple', 'unordered_map', 'unordered_set', 'utility', 'variant', 'vector')


class Failure(Exception):
    """Why a variant does not count as caught."""


def mutate(source_dir, mutant):
    """The text of its file with its edit."""
    try:
        text = (source_dir / mutant.file).read_text()
    except FileNotFoundError:
        raise Failure(f'there is no file {mutant.file}') from None
    spans = [(0, len(text))]
    if mutant.function:
        spans = functions(text, mutant.file).get(mutant.function)
    if not spans:
        raise Failure(f'there is no function {mutant.function} in {mutant.file}')
    times = sum(text.count(mutant.find, *span) for span in spans)
    if times != 1:
        where = f'{mutant.function} of {mutant.file}' if mutant.function else mutant.file
        raise Failure(f'expected its text once in {where}, found it {times} times')
    at = max(text.find(mutant.find, *span) for span in spans)
    return text[:at] + mutant.replace + text[at + len(mutant.find):]


def run(command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f'{command[0]} failed:\n{done.stderr[-2000:]}')
    return done.stdout


def after(flag, command):
    return command[command.index(flag) + 1]


class Builder:
    def __init__(self, source_dir, build_dir):
        self.source_dir = source_dir
        self.build_dir = build_dir
        with open(build_dir / 'compile_commands.json') as file:
            self.commands = {c['file']: shlex.split(c['command']) for c in json.load(file)}
        self.links = {}
        self.common = tempfile.TemporaryDirectory(prefix='redlockd-mutants-')
        self.precompiled = {}  # by the flags that it was compiled with
        self.lock = threading.Lock()

    def build(self, mutant, program, directory, optimised):
        """The path of the program with the variant in it."""
        objects = {}
        for number, sources in enumerate(self.batches(mutant, program, directory)):
            target = f'{directory}/{number}.o'
            for source in sources:
                objects[after('-o', self.commands[source])] = target
            source, changed = next(iter(sources.items()))
            if len(sources) > 1:
                changed = directory / f'{number}.cc'
                changed.write_text(''.join(f'#include "{path}"\n' for path in sources.values()))
            self.compile(list(self.commands[source]), changed, target, directory, optimised)
        return self.link(program, objects, directory)

    def batches(self, mutant, program, directory):
        """The same, as it is compiled: the files of a library at once, since they see the same headers."""
        linked = self.link_command(program)
        batches = {}
        for source, changed in self.sources(mutant, program, directory).items():
            alone = after('-o', self.commands[source]) in linked or source.startswith(f'{self.source_dir}/tests/')
            batches.setdefault(source if alone else os.path.dirname(source), {})[source] = changed
        return batches.values()

    def sources(self, mutant, program, directory):
        """What is to be compiled: by the original of each source, the file to take in its place."""
        if mutant.is_script:
            original, changed = self.build_dir / SCRIPTS, directory / 'scripts.cc'
            self.embed(mutant, directory, changed)
            return {str(original): changed}
        original, changed = self.source_dir / mutant.file, directory / mutant.file
        changed.parent.mkdir(parents=True)
        changed.write_text(mutate(self.source_dir, mutant))
        if not mutant.is_header:
            return {str(original): changed}
        sources = list(self.sources_that_see(mutant, program))
        if not sources:
            raise Failure(f'{program} has no source that includes {mutant.file}')
        return {source: source for source in sources}

    def compile(self, command, source, target, directory, optimised):
        command = [word for word in command
                   if not re.match(r'-fsanitize|--coverage|-O|-g$|-W|ccache|.*/ccache$', word)]
        for flag, length in (('-MD', 1), ('-MT', 2), ('-MF', 2)):
            if flag in command:
                at = command.index(flag)
                del command[at:at + length]
        command += ['-O1' if optimised else '-O0', '-w']
        for flag in ('-o', '-c'):
            at = command.index(flag)
            del command[at:at + 2]
        if 'clang' in command[0] and '-include-pch' not in command:
            command += ['-include-pch', self.precompile(command)]
        # All includes begin at the root of the repository, so a changed header is found here first.
        command[1:1] = [f'-I{directory}']
        run(command + ['-o', target, '-c', str(source)], self.build_dir)

    def precompile(self, command):
        """The path of the common headers as that command would read them."""
        with self.lock:
            if tuple(command) not in self.precompiled:
                path = f'{self.common.name}/{len(self.precompiled)}'
                header = pathlib.Path(f'{path}.h')
                header.write_text(''.join(f'#include <{name}>\n' for name in COMMON_HEADERS))
                run(command + ['-x', 'c++-header', '-o', f'{path}.pch', str(header)], self.build_dir)
                self.precompiled[tuple(command)] = f'{path}.pch'
            return self.precompiled[tuple(command)]

    def link(self, program, objects, directory):
        command = list(self.link_command(program))
        command[command.index('-o') + 1] = str(directory / program)
        command = [objects.pop(word, word) for word in command]
        at = command.index('-o') + 2
        command[at:at] = dict.fromkeys(objects.values())
        run(command + ['-Wl,--strip-debug'], self.build_dir)
        return directory / program

    def link_command(self, program):
        if program not in self.links:
            lines = run(['ninja', '-t', 'commands', '-s', OUTPUTS[program]], self.build_dir)
            steps = [step for step in lines.strip().split(' && ') if ' -o ' in step]
            self.links[program] = shlex.split(steps[0])
        return self.links[program]

    def sources_that_see(self, mutant, program):
        """Of a changed header: all sources of the program that include it and may call what is changed."""
        header = str(self.source_dir / mutant.file)
        with open(header) as file:
            names = names_leading_to(mutant.function, file.read(), mutant.file)
        linked, included = self.linked_objects(program), self.included_files()
        for source, command in self.commands.items():
            files = included.get(after('-o', command), ())
            if after('-o', command) in linked and header in files:
                if names is None or any(self.mentions(file, names) for file in files if file != header):
                    yield source

    def linked_objects(self, program):
        objects = set()
        for word in self.link_command(program):
            if word.endswith('.a') and not word.startswith('/'):
                objects.update(run(['ninja', '-t', 'inputs', word], self.build_dir).split())
            objects.add(word)
        return objects

    def included_files(self):
        """Of each object that was built, the files that it was made from."""
        included = {}
        for line in run(['ninja', '-t', 'deps'], self.build_dir).splitlines():
            if line.startswith('    '):
                files.append(os.path.normpath(self.build_dir / line.strip()))
            elif line:
                files = included[line.split(': #deps')[0]] = []
        return included

    def mentions(self, file, names):
        if not file.startswith(f'{self.source_dir}/'):
            return False
        return not names.isdisjoint(re.findall(r'\w+', pathlib.Path(file).read_text()))

    def copy_scripts(self, mutant, directory):
        scripts = directory / 'scripts'
        shutil.copytree((self.source_dir / mutant.file).parent, scripts)
        (scripts / pathlib.Path(mutant.file).name).write_text(mutate(self.source_dir, mutant))
        return scripts

    def embed(self, mutant, directory, target):
        scripts = self.copy_scripts(mutant, directory)
        embedded = (self.build_dir / SCRIPTS).read_text()
        names = re.findall(r'^    \{"(\w+)", ', embedded, re.M)
        run(['cmake', '-DSCRIPTS=' + ';'.join(names), f'-DFROM={scripts}', f'-DTO={target}',
             '-P', str(self.source_dir / 'daemon/redis/embed.cmake')], directory)
