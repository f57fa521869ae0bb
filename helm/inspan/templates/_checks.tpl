{{/*
inspan.checks: stops the render with the value that does not fit and what to do. Here is what a schema cannot say, and what
would otherwise be seen in a pod that does not start, or is evicted a week later.
*/}}
{{- define "inspan.checks" -}}
{{- include "inspan.checks.cluster" . -}}
{{- include "inspan.checks.memory" . -}}
{{- include "inspan.checks.addresses" . -}}
{{- include "inspan.checks.stopping" . -}}
{{- if include "inspan.spooled" . }}{{ include "inspan.checks.spool" . }}{{ end -}}
{{- include "inspan.checks.secrets" . -}}
{{- include "inspan.checks.destinations" . -}}
{{- end }}

{{- define "inspan.checks.cluster" -}}
{{- $version := .Capabilities.KubeVersion.Version -}}
{{- if not (semverCompare ">=1.29.0-0" $version) -}}
{{- fail (printf "inspan needs Kubernetes 1.29 or later, for native sidecars; this is %s" $version) -}}
{{- end -}}
{{- with .Values.inspan.image -}}
{{- if not .repository }}{{ fail "inspan.image.repository: is missing; name where the image was pushed to" }}{{ end -}}
{{- /* As the distribution specification has it, with a registry's port. */ -}}
{{- $part := "[a-z0-9]+([._-]+[a-z0-9]+)*" -}}
{{- if not (regexMatch (printf "^((%s|\\[[0-9a-fA-F:]+\\])(:[0-9]+)?/)?%s(/%s)*$" $part $part $part) .repository) -}}
{{- fail (printf "inspan.image.repository: %s is no repository; write small letters, without scheme, tag and spaces, such as registry.example/inspan" .repository) -}}
{{- end -}}
{{- if not (or .tag .digest) }}{{ fail "inspan.image.tag: is missing, and so is inspan.image.digest; set one" }}{{ end -}}
{{- end -}}
{{- end }}

{{- define "inspan.checks.addresses" -}}
{{- $config := .Values.inspan.config -}}
{{- $loopback := "^(127[.][0-9.]+|localhost|\\[::1\\]):[0-9]+$" -}}
{{- $admin := dig "admin" "listen" "" $config | default "" -}}
{{- if or (not $admin) (regexMatch $loopback $admin) -}}
{{- fail (printf "inspan.config.admin.listen: %s cannot be reached by the kubelet, whose probes come from outside the pod; use 0.0.0.0:19464" ($admin | default "null")) -}}
{{- end -}}
{{- if and $config.listen (not (regexMatch $loopback $config.listen)) -}}
{{- fail (printf "inspan.config.listen: %s is open to the whole cluster, and has no authentication; use 127.0.0.1:4318" $config.listen) -}}
{{- end -}}
{{- range $key, $address := dict "admin.listen" $admin "listen" ($config.listen | default "host:1") -}}
{{- $port := include "inspan.port" $address | int64 -}}
{{- if or (lt $port 1) (gt $port 65535) -}}
{{- fail (printf "inspan.config.%s: %s has no port that a pod could name; use one such as :4318" $key $address) -}}
{{- end -}}
{{- end -}}
{{- if and $config.listen (eq (include "inspan.port" $config.listen) (include "inspan.port" $admin)) -}}
{{- fail (printf "inspan.config.listen: %s has the port of inspan.config.admin.listen (%s); use 127.0.0.1:4318" $config.listen $admin) -}}
{{- end -}}
{{- $path := dig "socket" "path" "" $config -}}
{{- if and $path (ne $path "/run/inspan/inspan.sock") -}}
{{- fail (printf "inspan.config.socket.path: %s is not where the app's volume is; take it out for /run/inspan/inspan.sock" $path) -}}
{{- end -}}
{{- end }}

{{- define "inspan.checks.stopping" -}}
{{- $shown := dig "drain" "deadline" "20s" .Values.inspan.config -}}
{{- $deadline := include "inspan.seconds" $shown -}}
{{- if not $deadline }}{{ fail (printf "inspan.config.drain.deadline: expected a time such as 20s, got %v" $shown) }}{{ end -}}
{{- /* The sidecar gets its SIGTERM when the app is gone, and is killed at the end of what both have. */ -}}
{{- $least := add ($deadline | int64) 5 -}}
{{- $grace := .Values.inspan.terminationGracePeriodSeconds -}}
{{- if lt ($grace | int64) $least -}}
{{- fail (printf "inspan.terminationGracePeriodSeconds: %v leaves less than 5 s to the app, which stops before the sidecar drains (inspan.config.drain.deadline: %v); raise it to %d at least, or lower the deadline" $grace $shown $least) -}}
{{- end -}}
{{- end }}

{{- define "inspan.checks.spool" -}}
{{- $volume := .Values.inspan.spool -}}
{{- $spool := .Values.inspan.config.spool -}}
{{- $size := include "inspan.bytes" $volume.size | int64 -}}
{{- if not $size }}{{ fail (printf "inspan.spool.size: expected a size such as 2Gi, got %v" $volume.size) }}{{ end -}}
{{- $max := include "inspan.bytes" (get $spool "max_bytes" | default (div $size 2)) | int64 -}}
{{- if gt $max (div (mul $size 8) 10) -}}
{{- fail (printf "inspan.config.spool.max_bytes: %v is more than 80 %% of inspan.spool.size (%v), which has to hold SQLite's log and salvaged files too; lower it, or raise the size" $spool.max_bytes $volume.size) -}}
{{- end -}}
{{- /* Beside the rows: a ballast of 16 MiB, SQLite's log, and the books. */ -}}
{{- $beside := add 30 (include "inspan.booksMi" . | int64) -}}
{{- if lt (sub $size $max) (mul $beside 1048576) -}}
{{- fail (printf "inspan.spool.size: %v leaves no %dMi beside inspan.config.spool.max_bytes, for ballast, log and books; raise it" $volume.size $beside) -}}
{{- end -}}
{{- if not (hasPrefix "/var/lib/inspan/" (get $spool "path" | default "/var/lib/inspan/spool.db")) -}}
{{- fail (printf "inspan.config.spool.path: %s is not on the spool's volume; use a file in /var/lib/inspan" $spool.path) -}}
{{- end -}}
{{- if and (eq $volume.volume "claim") (not $volume.claimName) -}}
{{- fail "inspan.spool.claimName: is missing; inspan.spool.volume: claim needs the name of a PersistentVolumeClaim" -}}
{{- end -}}
{{- if and (eq $volume.volume "emptyDir") (eq (get $spool "lifetime" | default "pod") "persistent") -}}
{{- fail "inspan.config.spool.lifetime: persistent is not true of an emptyDir, which goes with its pod; take it out, or set inspan.spool.volume" -}}
{{- end -}}
{{- end }}
