#!/bin/sh
# usage: check_test.sh CHECK: shows that the check sees each kind of mistake.
set -eu
check=$1
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
table=$directory/FAULTS.md

listing() {
  printf 'Test project X\n  Test  #1: Suite.One\n  Test #12: Suite.Two (Disabled)\nTotal Tests: 2\n'
}
paragraph='> overdraft; bad or
> missing signature (tried once); port in use.'
good='| overdraft | any | `Suite.One` `Suite.Two` |
| bad or missing signature (tried once) | bad | `Suite.One` |
| | missing | `Suite.One` |
| port in use | any | `Suite.Two` |'

# write ROWS: a table of these rows under the paragraph.
write() {
  printf '# Title\n\n%s\n\nText.\n\n| phrase | case | tests |\n|---|---|---|\n%s\n' "$paragraph" "$1" >"$table"
}
accepts() {
  write "$1"
  listing | "$check" "$table" || { echo "refused what is right" >&2; exit 1; }
}
# refuses MESSAGE ROWS
refuses() {
  write "$2"
  if listing | "$check" "$table" >"$directory/out" 2>&1; then echo "accepted: $1" >&2; exit 1; fi
  grep -qF "$1" "$directory/out" || { cat "$directory/out" >&2; echo "did not say: $1" >&2; exit 1; }
}

accepts "$good"
refuses 'no test is called Suite.Three' "$(printf '%s' "$good" | sed 's/Suite.Two/Suite.Three/')"
refuses 'no test is called Suite.On (' "$(printf '%s' "$good" | sed 's/Suite.One/Suite.On/')"
refuses '0 rows for 1 parts: port in use' "$(printf '%s' "$good" | grep -v 'port in use')"
refuses '1 rows for 2 parts: bad or missing signature' "$(printf '%s' "$good" | grep -v '| missing |')"
refuses 'not in the paragraph: power cut' "$good
| power cut | any | \`Suite.One\` |"
refuses 'a row names no test: port in use' "$(printf '%s' "$good" | sed 's/`Suite.Two` |$/none |/; s/| port in use | any | .*/| port in use | any | none |/')"
paragraph='No paragraph.'
refuses 'the paragraph is missing' "$good"
echo "every mistake is seen"
