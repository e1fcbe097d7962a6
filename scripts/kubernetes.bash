# Where the Kubernetes control plane's binaries are. Sourced by the scripts beside it.
# shellcheck shell=bash

# The version of Debian bookworm's source package `kubernetes`.
kubernetes_version=1.20.2

honua_cache=${HONUA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/honua-operator}

# KUBEBUILDER_ASSETS, as envtest has it: a directory with the kube-apiserver and etcd to use instead of our own build.
# shellcheck disable=SC2034
kubernetes_binaries=${KUBEBUILDER_ASSETS:-$honua_cache/kubernetes-$kubernetes_version}
