# Copies the reason of each direct requirement from the .in file above its pin in the .txt file.
FNR == NR {
    if (match($0, / +# /)) {
        reason = substr($0, RSTART + RLENGTH)
        name = tolower($1)
        sub(/[[~<>=].*/, "", name)
        reasons[name] = reason
    }
    next
}
/^[A-Za-z0-9]/ {
    name = tolower($1)
    sub(/==.*/, "", name)
    if (name in reasons) print "# " reasons[name]
}
{ print }
