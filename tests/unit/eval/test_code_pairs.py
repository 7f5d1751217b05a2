from __future__ import annotations

from eval.code_pairs import comment_pairs, find_pairs, python_pairs, sample_pairs, section_pairs, split_of

PYTHON = '''
class Stack:
    """Keep items and give back the last one first.

    More about it.
    """

    def push(self, item):
        """Put one more item on top of the others."""
        self.items.append(item)

    def pop(self):
        """Too short."""
        return self.items.pop()
'''


def test_a_docstring_is_paired_with_the_code_without_it():
    pairs = dict(python_pairs(PYTHON))
    assert pairs["Put one more item on top of the others."] == (
        "    def push(self, item):\n        self.items.append(item)\n"
    )
    assert pairs["Keep items and give back the last one first."].startswith("class Stack:\n\n    def push")
    assert len(pairs) == 2


def test_source_that_does_not_parse_makes_no_pair():
    assert list(python_pairs("def (")) == []
    assert list(python_pairs("a\x00b")) == []


def test_a_leading_comment_is_paired_with_the_definition_after_it():
    source = "// Adds two numbers and returns the sum.\nfunction add(a, b) {\n  return a + b\n}\n"
    source += "function bare() {}\n"
    assert list(comment_pairs(source, "javascript")) == [
        ("Adds two numbers and returns the sum.", "function add(a, b) {\n  return a + b\n}")
    ]
    java = "/**\n * Opens the file for reading only.\n *\n * @param p x\n */\nclass A { void f() {} }\n"
    assert [query for query, _ in comment_pairs(java, "java")] == ["Opens the file for reading only."]


def test_a_heading_is_paired_with_its_section_and_a_lead_sentence_with_the_rest():
    assert list(section_pairs("# How to terminate a contract\nBy letter.\n")) == [
        ("How to terminate a contract", "By letter.\n")
    ]
    assert list(section_pairs("This contract ends in May. And more.")) == [
        ("This contract ends in May.", "And more.")
    ]


def test_pairs_of_folders_are_unique_and_keep_their_project(tmp_path):
    for project in ("one", "two"):
        folder = tmp_path / project
        (folder / "tests").mkdir(parents=True)
        (folder / "a.py").write_text(PYTHON)
        (folder / "tests" / "b.py").write_text(PYTHON.replace("more item", "other item"))
    pairs = find_pairs([tmp_path / "one", tmp_path / "two"])
    assert [(pair.project, pair.path) for pair in pairs] == [("one", "a.py")] * 2
    assert len(find_pairs([tmp_path / "one"], lengths=(80, 1000))) == 1


def test_a_larger_sample_holds_the_smaller_one(tmp_path):
    functions = [
        f'def f{n}():\n    """Return the number {n} to the caller."""\n    return {n}\n' for n in range(20)
    ]
    (tmp_path / "a.py").write_text("\n\n".join(functions))
    pairs = find_pairs([tmp_path])
    assert set(sample_pairs(pairs, 5)) < set(sample_pairs(pairs, 12))


def test_a_project_is_always_in_the_same_part():
    parts = [split_of(f"project{n}", (0.7, 0.15, 0.15)) for n in range(1000)]
    assert parts == [split_of(f"project{n}", (0.7, 0.15, 0.15)) for n in range(1000)]
    assert [round(parts.count(part), -2) for part in range(3)] == [700, 100, 200] or 640 < parts.count(
        0
    ) < 760
