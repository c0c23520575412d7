{{- define "pageheat.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "pageheat.fullname" -}}
{{- $name := include "pageheat.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "pageheat.selector" -}}
app.kubernetes.io/name: {{ include "pageheat.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "pageheat.labels" -}}
{{ include "pageheat.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "pageheat.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "pageheat.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* The name of the environment variable of a setting. */}}
{{- define "pageheat.variable" -}}
PAGEHEAT_{{ . | upper | replace "-" "_" }}
{{- end -}}

{{/* The path of a route: the setting http-prefix comes first. */}}
{{- define "pageheat.path" -}}
{{- index .root.Values.config "http-prefix" | default "" | trimSuffix "/" }}{{ .route -}}
{{- end -}}

{{/* The configuration file. Helm holds numbers as floating-point numbers, which are not printed as they were given. */}}
{{- define "pageheat.config" -}}
{{- range $key, $value := .Values.config }}
{{- if eq $key "boards" }}
boards:
{{- range $board, $settings := $value }}
  {{ $board }}:
{{- range $setting, $value := $settings }}
{{- if and (kindIs "float64" $value) (eq (floor $value) $value) }}
    {{ $setting }}: {{ int64 $value }}
{{- else }}
{{- dict $setting $value | toYaml | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}
{{- else if and (kindIs "float64" $value) (eq (floor $value) $value) }}
{{ $key }}: {{ int64 $value }}
{{- else }}
{{ dict $key $value | toYaml }}
{{- end }}
{{- end }}
{{ dict "brokers" .Values.brokers "roles" .Values.roles | toYaml }}
{{- end -}}

{{/* The host names of the services, for --allow-hosts. */}}
{{- define "pageheat.hosts" -}}
{{- $name := include "pageheat.fullname" . -}}
{{- $hosts := list $name (printf "%s.%s" $name .Release.Namespace) (printf "%s.%s.svc" $name .Release.Namespace) (printf "%s.%s.svc.cluster.local" $name .Release.Namespace) -}}
{{- concat $hosts (index .Values.config "allow-hosts" | default list) | join "," -}}
{{- end -}}

{{/* What every container of a pod has. */}}
{{- define "pageheat.container" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
env:
  - name: PAGEHEAT_CONFIG
    value: /etc/pageheat/config/pageheat.yaml
  - name: PAGEHEAT_LISTEN
    value: ":8080"
  - name: PAGEHEAT_ALLOW_HOSTS
    value: {{ include "pageheat.hosts" . | quote }}
  {{- if .Values.public.enabled }}
  - name: PAGEHEAT_PUBLIC_LISTEN
    value: ":8081"
  {{- end }}
  {{- if .Values.staticMembership }}
  - name: PAGEHEAT_INSTANCE_ID
    valueFrom:
      fieldRef:
        fieldPath: metadata.name
  {{- end }}
  {{- if eq .Values.store "disk" }}
  - name: PAGEHEAT_STORE
    value: disk
  - name: PAGEHEAT_STORE_DIR
    value: /var/cache/pageheat
  {{- end }}
  {{- range $setting := keys .Values.files | sortAlpha }}
  - name: {{ include "pageheat.variable" $setting }}
    value: /etc/pageheat/files/{{ $setting }}
  {{- end }}
  {{- with .Values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumeMounts:
  - name: config
    mountPath: /etc/pageheat/config
    readOnly: true
  {{- if .Values.files }}
  - name: files
    mountPath: /etc/pageheat/files
    readOnly: true
  {{- end }}
  {{- if eq .Values.store "disk" }}
  - name: store
    mountPath: /var/cache/pageheat
  {{- end }}
{{- end -}}
