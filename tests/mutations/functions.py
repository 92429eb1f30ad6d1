"""Where a source file defines which function, so that an edit can be confined to one of them.

This is not a parser of C++: it counts braces in code that clang-format has laid out, and knows which of
them belong to a namespace, a class or an initialiser. Of Lua it reads the indentation.

>>> code = '''
... namespace a {
... class Gate {
...  public:
...   explicit Gate(int most) : most_(most), range_{0, most} {}
...   struct Entry {
...     ~Entry() { Leave("}"); }  // not here: }
...   };
...   template <typename T>
...   bool LetsIn(const T& lock = {}) const { return lock < most_; }
...   bool operator==(const Gate&) const = default;
...
...  private:
...   int most_ = 1'000;
...   std::array<int, 2> range_ = {};
... };
... constexpr Row kRows[] = {{'{', Find()}};
... void Gate::Leave(Time now) {
...   auto each = [&] { if (now) { Stop(R"(})"); } };
... }
... void Gate::Leave() {}
... std::vector<int> Numbers() {
...   return {1};
... }
... }  // namespace a
... '''
>>> for name, spans in functions(code, 'a.cc').items():
...     print(name, [' '.join(code[begin:end].split()) for begin, end in spans])
Gate::Gate ['Gate(int most) : most_(most), range_{0, most} {}']
Gate::Entry::~Entry ['~Entry() { Leave("}"); }']
Gate::LetsIn ['LetsIn(const T& lock = {}) const { return lock < most_; }']
Gate::Leave ['Gate::Leave(Time now) { auto each = [&] { if (now) { Stop(R"(})"); } }; }', 'Gate::Leave() {}']
Numbers ['Numbers() { return {1}; }']

>>> code = '''
... local function outer(x)
...   local function inner() return 1 end
...   if x then
...     return inner()
...   end
... end
... return outer(2)
... '''
>>> for name, spans in functions(code, 'a.lua').items():
...     print(name, [' '.join(code[begin:end].split()) for begin, end in spans])
outer ['local function outer(x) local function inner() return 1 end if x then return inner() end end']
inner ['local function inner() return 1 end']
"""

import re

# What may contain a brace that is none.
NO_CODE = re.compile(r'''
    //[^\n]* | /\*.*?\*/
  | R"(?P<mark>[^()\s"]*)\(.*?\)(?P=mark)"
  | "(?:\\.|[^"\\\n])*" | (?<![0-9a-fA-F])'(?:\\.|[^'\\\n])*'
  | ^[ ]*\#(?:\\\n|[^\n])*
''', re.VERBOSE | re.DOTALL | re.MULTILINE)

FUNCTION = re.compile(r'((?:[\w~]+::)*(?:operator\W+|~?\w+))\s*\(')
CLASS = re.compile(r'^\s*(?:template <.*>\s*)?(?:class|struct|union)\s+(?:\[\[\w+\]\]\s*)?((?:\w+::)*\w+)')
NAMESPACE = re.compile(r'^\s*(?:inline\s+)?(?:namespace\b|extern\b)')
LABEL = re.compile(r'^\s*(?:public|protected|private):')


def blank(match):
    return re.sub(r'[^\n]', ' ', match[0])


def functions(text, file):
    """By its qualified name, without namespaces, where each definition begins and ends."""
    return functions_of_lua(text) if file.endswith('.lua') else functions_of_cpp(text)


def functions_of_lua(text):
    found = {}
    for head in re.finditer(r'^( *)local function (\w+)\(.*', text, re.M):
        end = head.end()
        if not head[0].endswith(' end'):
            end = re.compile(f'^{head[1]}end$', re.M).search(text, end).end()
        found.setdefault(head[2], []).append((head.start(), end))
    return found


def functions_of_cpp(text):
    code = NO_CODE.sub(blank, text)
    found = {}
    find_in(code, 0, '', found)
    return found


def find_in(code, at, scope, found):
    """Adds what is defined from `at` to the end of this namespace or class; returns where that is."""
    head = at  # where this declaration begins
    while at < len(code):
        character = code[at]
        if character == '}':
            return at + 1
        if character == '{':
            declaration = code[head:at]
            if NAMESPACE.match(declaration):
                at = head = find_in(code, at + 1, scope, found)
                continue
            if (name := CLASS.match(declaration)) and '(' not in declaration[name.end():]:
                at = find_in(code, at + 1, f'{scope}{name[1]}::', found)
                continue
            end = after_block(code, at)
            if (name := FUNCTION.search(declaration)) and not is_initialiser(declaration):
                found.setdefault(scope + name[1], []).append((head + name.start(), end))
                head = end
            at = end
            continue
        at += 1
        if character == ';' or (character == ':' and LABEL.match(code[head:at])):
            head = at
    return at


def is_initialiser(declaration):
    """Whether the brace after it begins no body but a value: of a default argument, or of a member."""
    if declaration.count('(') != declaration.count(')') or declaration.rstrip().endswith('='):
        return True
    return re.search(r'\)[^():]*(?<!:):(?!:)', declaration) and re.search(r'[\w>]\s*$', declaration)


def after_block(code, at):
    depth = 0
    while True:
        depth += {'{': 1, '}': -1}.get(code[at], 0)
        at += 1
        if depth == 0:
            return at


def names_leading_to(function, text, file):
    """The names by which others may call the function, itself or by way of others of this file. None if
    that may be without a name: of constructors, destructors and operators, and of what is in no function.

    >>> code = 'struct A { int F() { return 1; } int G() { return F(); } int H() { return 2; } };'
    >>> sorted(names_leading_to('A::F', code, 'a.h'))
    ['F', 'G']
    >>> names_leading_to('A::F', 'struct A { ~A() { F(); } int F() { return 1; } };', 'a.h')
    """
    names, grown = set(), {function}
    while grown:
        if not all(has_name(one) for one in grown):
            return None
        names |= {one.split('::')[-1] for one in grown}
        grown = {one for one, spans in functions(text, file).items() if one.split('::')[-1] not in names and any(
            not names.isdisjoint(re.findall(r'\w+', text[begin:end])) for begin, end in spans)}
    return names


def has_name(function):
    scope, _, name = function.rpartition('::')
    return name.isidentifier() and scope.split('::')[-1] != name
