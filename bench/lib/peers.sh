# nginx and Envoy as they would be set up for the same work: one core, keep-alive on both sides, forwarding headers.

start_nginx() { # stable's port, canary's port
  nginx_port=$(free_port)
  mkdir -p "$work/nginx"
  cat >"$work/nginx/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $work/nginx/pid;
error_log $work/nginx/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path $work/nginx/body;
  proxy_temp_path $work/nginx/proxy;
  fastcgi_temp_path $work/nginx/fastcgi;
  uwsgi_temp_path $work/nginx/uwsgi;
  scgi_temp_path $work/nginx/scgi;
  keepalive_requests 100000000;
  split_clients "\$connection\$connection_requests\$msec" \$side { 10% canary; * stable; }
  upstream stable { server 127.0.0.1:$1; keepalive 512; keepalive_requests 100000000; }
  upstream canary { server 127.0.0.1:$2; keepalive 512; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:$nginx_port;
    location / {
      proxy_pass http://\$side;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host \$http_host;
      proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto \$scheme;
    }
  }
}
CONF
  start_helper nginx taskset -c 0 "$(PATH=$PATH:/usr/sbin command -v nginx)" -c "$work/nginx/nginx.conf"
  until_true 10 "nginx listens" listens "$nginx_port"
  nginx_pid=$(pgrep -P "$(cat "$work/nginx/pid")")
}

start_envoy() { # stable's port, canary's port
  envoy_port=$(free_port)
  cat >"$work/envoy.yaml" <<YAML
static_resources:
  listeners:
  - address: { socket_address: { address: 127.0.0.1, port_value: $envoy_port } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bench
          use_remote_address: true
          route_config:
            virtual_hosts:
            - name: bench
              domains: ["*"]
              routes:
              - match: { prefix: "/" }
                route:
                  weighted_clusters:
                    clusters: [{ name: stable, weight: 90 }, { name: canary, weight: 10 }]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
  clusters:
$(envoy_cluster stable "$1")
$(envoy_cluster canary "$2")
YAML
  start_helper envoy taskset -c 0 "$(envoy_bin)" -c "$work/envoy.yaml" --concurrency 1 --log-level error --use-dynamic-base-id
  until_true 20 "Envoy listens" listens "$envoy_port"
  envoy_pid=$(pgrep -f "$work/envoy.yaml" | head -n 1)
}

envoy_cluster() { # name, port
  cat <<YAML
  - name: $1
    connect_timeout: 1s
    load_assignment:
      cluster_name: $1
      endpoints:
      - lb_endpoints:
        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: $2 } } }
YAML
}
