# The same answer from a shell, by other means: sh reference.sh trace.log.gz category,category
# One line "count, microseconds, category, name" for each category and name, in no order.
export LC_ALL=C
TAB=$(printf '\t')

# Every event begins with {"pid": so that it begins a line when lines are cut at braces. Its fields stand in the same order.
gzip -dc "$1" | tr '{' '\n' |
  awk -F '"' -v only="$2" '
    BEGIN {
      OFS = "\t"
      split(only, names, ",")
      for (i in names) wanted[names[i]]
    }
    $2 == "pid" {
      category = $16
      sub(/.*,/, "", category)
      if (!(category in wanted)) next
      id = $26 == "id" ? $28 : substr($5, 2)
      print substr($7, 2) + 0, category, $20, substr($3, 2) + 0 "/" id, tolower($12), substr($23, 2) + 0
    }
  ' OFMT='%.0f' | sort -t "$TAB" -k1,1n |
  awk -F '\t' -v OFS='\t' -v OFMT='%.0f' '
    { group = $2 OFS $3; key = group OFS $4 }
    $5 == "b" { begun[key] = begun[key] " " $1 }
    $5 == "e" && begun[key] != "" {
      last = begun[key]
      sub(/.* /, "", last)
      begun[key] = substr(begun[key], 1, length(begun[key]) - length(last) - 1)
      if (begun[key] == "") delete begun[key]
      total[group] += $1 - last
      count[group]++
    }
    $5 == "x" { total[group] += $6; count[group]++ }
    END { for (group in count) print count[group], total[group], group }
  '
