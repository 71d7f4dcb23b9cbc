#!/bin/sh
# Writes the manual pages that are made from the program itself. Usage: make.sh CERTSPAN FOLDER
set -eu
"$1" help --man >"$2/certspan.1"
{
	cat <<'HEAD'
.Dd November 24, 2026
.Dt CERTSPAN.YAML 5
.Os
.Sh NAME
.Nm certspan.yaml
.Nd what is local to one host of a certspan cluster
.Sh DESCRIPTION
Addresses, folders and logs of one node.
Certificates, nodes and the settings of the cluster live in the replicated state, never here.
.Ql certspan config check
reads the file as the daemon would and names line and column of every mistake.
.Sh EXAMPLES
Every key, with its default, as printed by
.Ql certspan config example :
.Bd -literal
HEAD
	"$1" config example | sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^\\([.']\\)/\\\\\&\\1/"
	cat <<'TAIL'
.Ed
.Sh SEE ALSO
.Xr certspan 1 ,
.Xr certspand 8
TAIL
} >"$2/certspan.yaml.5"
