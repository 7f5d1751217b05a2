"""One small file a language, with the names it defines. Written for these tests."""

from __future__ import annotations

PYTHON = """\
class Stack(Base):
    @property
    def top(self) -> int:
        return self.items[-1]
"""
JAVASCRIPT = """\
class Stack extends Base {
  top() { return this.items.at(-1) }
}
const push = (stack, item) => { stack.items.push(item) }
function pop(stack) { return 1 }
"""
TYPESCRIPT = """\
export interface Shape { area(unit: string): number }
export class Square {
  side(): number { return 1 }
}
type Name = string
enum Colour { Red }
export const twice = (a: number) => { return 2 * a }
"""
TSX = """\
export const Card = (p: Props) => { return <div>{p.text}</div> }
function List() { return <ul/> }
"""
JAVA = """\
package p;
public class Stack extends Base {
  @Override
  public int top(int x) { return x; }
  Stack() {}
  enum Mode { X }
}
interface Shape { void area(); }
record Pair(int a) {}
"""
GO = """\
package p

// Top returns it.
func Top(x int) int { return x }
func (s *Stack) Pop(x int) int { return x }
type Stack struct { items []int }
type Shape interface { Area(x int) int }
"""
RUST = """\
/// A stack.
#[derive(Debug)]
pub struct Stack { items: Vec<i32> }
impl Stack {
  pub fn top(&self) -> i32 { 1 }
}
trait Shape { fn area(&self); }
enum Mode { A }
mod inner { fn helper() {} }
"""
C = """\
#include <stdio.h>
/* top */
static int top(int x, char *y) {
  return x;
}
struct stack { int a; };
typedef struct { int b; } pair_t;
enum mode { A };
char *name_of(void) { return 0; }
#define TWICE(x) (2 * (x))
"""
CPP = """\
namespace shapes {
template <class T>
class Stack : public Base {
 public:
  int top(int x) const { return x; }
};
int Stack::pop(int y) { return y; }
}
"""
CSHARP = """\
namespace Shapes {
  /// <summary>x</summary>
  public class Stack : Base {
    [Pure]
    public int Top(int x) { return x; }
    public int Size { get; set; }
    Stack() {}
  }
  interface IShape { void Area(); }
  struct Pair {}
  enum Mode { X }
}
"""
RUBY = """\
module Shapes
  class Stack < Base
    # the last one
    def top(x)
      x
    end
    def self.build; end
  end
end
"""
PHP = """\
<?php
namespace Shapes;
class Stack extends Base {
  public function top($x) { return $x; }
}
interface Shape {}
trait Named {}
function helper() {}
"""
KOTLIN = """\
package p
class Stack(val x: Int) : Base() {
  fun top(y: Int): Int { return y }
}
object Store {}
fun helper() = 1
"""
SWIFT = """\
class Stack: Base {
  func top(x: Int) -> Int { return x }
  init() {}
}
struct Pair {}
protocol Shape { func area() }
extension Stack { func pop() {} }
func helper() {}
"""
SCALA = """\
package p
class Stack(x: Int) extends Base {
  def top(y: Int): Int = { y }
}
object Store { def size = 1 }
trait Shape
"""
LUA = """\
local function top(x)
  return x
end
function Stack.pop(y) return y end
Stack.size = function(z) return z end
"""
BASH = """\
# greet
greet() {
  echo hello
}
function leave { echo bye; }
"""
SQL = """\
CREATE TABLE users (id INT, name TEXT);
CREATE VIEW names AS SELECT name FROM users;
CREATE FUNCTION one() RETURNS INT AS $$ SELECT 1 $$ LANGUAGE sql;
SELECT name FROM users;
"""
HTML = """\
<html><head><title>T</title></head><body id="b"><p>x</p><script>var a = 1;</script></body></html>
"""
CSS = """\
.card, .list > li { color: red; }
@media (width > 1px) { .wide { float: left; } }
"""
YAML = "services:\n  web:\n    image: x\n" + "    env: value\n" * 20 + "volumes: {}\n"
JSON = '{"users": {"first": [' + ", ".join(map(str, range(100))) + "]}}\n"
TOML = """\
x = 1
[tool.build]
c = 1
[[package]]
name = 2
"""

SAMPLES: dict[str, tuple[str, str, list[str]]] = {
    "python": ("a.py", PYTHON, ["Stack", "top"]),
    "javascript": ("a.js", JAVASCRIPT, ["Stack", "top", "push", "pop"]),
    "typescript": ("a.ts", TYPESCRIPT, ["Shape", "area", "Square", "side", "Name", "Colour", "twice"]),
    "tsx": ("a.tsx", TSX, ["Card", "List"]),
    "java": ("A.java", JAVA, ["Stack", "top", "Stack", "Mode", "Shape", "area", "Pair"]),
    "go": ("a.go", GO, ["Top", "Pop", "Stack", "Shape"]),
    "rust": ("a.rs", RUST, ["Stack", "Stack", "top", "Shape", "area", "Mode", "inner", "helper"]),
    "c": ("a.c", C, ["top", "stack", "pair_t", "mode", "name_of", "TWICE"]),
    "cpp": ("a.cpp", CPP, ["shapes", "Stack", "top", "Stack::pop"]),
    "csharp": ("a.cs", CSHARP, ["Shapes", "Stack", "Top", "Size", "Stack", "IShape", "Area", "Pair", "Mode"]),
    "ruby": ("a.rb", RUBY, ["Shapes", "Stack", "top", "build"]),
    "php": ("a.php", PHP, ["Shapes", "Stack", "top", "Shape", "Named", "helper"]),
    "kotlin": ("a.kt", KOTLIN, ["Stack", "top", "Store", "helper"]),
    "swift": ("a.swift", SWIFT, ["Stack", "top", "init", "Pair", "Shape", "area", "Stack", "pop", "helper"]),
    "scala": ("a.scala", SCALA, ["Stack", "top", "Store", "size", "Shape"]),
    "lua": ("a.lua", LUA, ["top", "Stack.pop", "Stack.size"]),
    "bash": ("a.sh", BASH, ["greet", "leave"]),
    "sql": ("a.sql", SQL, ["users", "names", "one"]),
    "html": ("a.html", HTML, []),
    "css": ("a.css", CSS, [".card, .list > li", ".wide"]),
    "yaml": ("a.yaml", YAML, ["services", "web"]),
    "json": ("a.json", JSON, ["users", "first"]),
    "toml": ("a.toml", TOML, ["tool.build", "package"]),
}
"""Language: file name, source, names defined in order."""
