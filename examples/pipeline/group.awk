# Sums up sorted lines "category, name, id, time, phase, duration": one line "count, microseconds, category, name" for each
# category and name. A beginning (b) and the end (e) that follows it are one event. Since the lines come sorted, it holds
# what belongs to one id, and no more.

function tell() {
  if (count > 0) print count, total, category, name
}

BEGIN {
  FS = OFS = "\t"
  OFMT = "%.0f"
}

$1 != category || $2 != name {
  tell()
  category = $1
  name = $2
  count = total = open = 0
}

$3 != id {
  id = $3
  open = 0
}

$5 == "b" { since[open++] = $4 }

$5 == "e" && open > 0 {
  total += $4 - since[--open]
  count++
}

$5 == "x" {
  total += $6
  count++
}

END { tell() }
