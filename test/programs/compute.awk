# SPDX-License-Identifier: Apache-2.0
#
# A computation with a known result, again and again until the file GO (-v GO=PATH) can be read.
function told(    line, result) {
  result = (getline line < GO)
  close(GO)
  return result >= 0
}

function computation(    i, x, key, count, sum, keys) {
  x = 4321
  for (i = 0; i < 100000; i++) {
    x = (x * 16807) % 2147483647
    key = "k" (x % 997) substr("abcdefgh", 1 + x % 8, 2)
    if (!(key in count)) keys++
    count[key] += x % 13
  }
  sum = 0
  for (key in count) sum += count[key] * length(key)
  return sum ":" keys ":" x
}

BEGIN {
  print "ready"
  fflush()
  known = "3453351:7976:496286956"
  while (!told()) {
    result = computation()
    if (result != known) { wrong++; last = result }
    if (++runs == 3) { print "working"; fflush() }
  }
  result = computation()
  if (result != known) { wrong++; last = result }
  if (wrong) {
    print "bad compute.awk: " last " (" wrong " of " runs + 1 ")"
    exit 1
  }
  print "ok compute.awk"
}
