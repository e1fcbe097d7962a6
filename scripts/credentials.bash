# What the servers of scripts/control-plane and their clients know each other by. Sourced by it, after progress.bash;
# files are made in the working directory.
# shellcheck shell=bash

# make_credentials: a certificate authority, the API server's certificate, the key that signs service account tokens,
# and the tokens of two users: admin, who may do everything, and honua-test, who may do nothing.
make_credentials() {
    local -a certificate=(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 30)
    {
        "${certificate[@]}" -subj /CN=control-plane -keyout ca.key -out ca.crt \
            -addext keyUsage=critical,keyCertSign,cRLSign &&
            "${certificate[@]}" -subj /CN=kube-apiserver -keyout server.key -out server.crt -CA ca.crt -CAkey ca.key \
                -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=IP:127.0.0.1,DNS:localhost &&
            openssl ecparam -name prime256v1 -genkey -noout -out service-account.key
    } 2>openssl.log || fail "openssl, of which version 3 is needed, failed: $(cat openssl.log)"
    admin_token=$(openssl rand -hex 16)
    nobody_token=$(openssl rand -hex 16)
    printf '%s\n' "$admin_token,admin,admin,system:masters" "$nobody_token,honua-test,honua-test" >tokens.csv
}

# write_kubeconfig PORT
write_kubeconfig() {
    local port=$1 ca
    ca=$(base64 -w 0 ca.crt)
    cat >kubeconfig <<END
apiVersion: v1
kind: Config
current-context: admin
clusters:
- name: control-plane
  cluster: {server: "https://127.0.0.1:$port", certificate-authority-data: $ca}
users:
- name: admin
  user: {token: $admin_token}
- name: honua-test
  user: {token: $nobody_token}
contexts:
- name: admin
  context: {cluster: control-plane, user: admin, namespace: default}
- name: nobody
  context: {cluster: control-plane, user: honua-test, namespace: default}
END
}
