#!/usr/bin/env bash
# A real S3 server for the tests: single-node Ceph (1 mon + 1 osd + 1 radosgw, no mgr, no cephx) on loopback.
#   rgw.sh start DIR PORT ACCESS SECRET [bluestore|memstore]   (idempotent: re-uses DIR if it was made before)
#   rgw.sh stop  DIR            (kill -9 of the three pids recorded in DIR)
set -euo pipefail
cmd=$1; D=$(realpath -m "$2")
pids() { for n in rgw osd mon; do [ -s "$D/$n.pid" ] && cat "$D/$n.pid"; done; true; }
if [ "$cmd" = stop ]; then
  for p in $(pids); do kill -9 "$p" 2>/dev/null || true; done
  # A dead process that nobody waits for, as in a container without an init, is a zombie for ever.
  alive() { [ -e "/proc/$1" ] && ! grep -qs '^State:.Z' "/proc/$1/status"; }
  for p in $(pids); do while alive "$p"; do sleep .02; done; done
  rm -f "$D"/*.pid; exit 0
fi
die() { rc=$?; trap - ERR; set +eo pipefail; sleep .2; echo "ceph start failed (rc $rc, line $1); last errors:" >&2
  grep -hE " -1 |timed out" "$D"/log/*.log "$D"/log/*.out "$D"/log/setup 2>/dev/null | tail -5 >&2 || true; "$0" stop "$D"; exit 1; }
trap 'die $LINENO' ERR
PORT=$3 AK=$4 SK=$5 STORE=${6:-bluestore}
C="$D/ceph.conf"; V2=$((PORT+1)) V1=$((PORT+2))
new=0
if [ ! -f "$D/ready" ]; then
  new=1; rm -rf "$D"; mkdir -p "$D"/{mon,osd,rgw,log}
  FSID=$(cat /proc/sys/kernel/random/uuid)
  cat > "$C" <<CONF
[global]
fsid = $FSID
mon_host = [v2:127.0.0.1:$V2/0,v1:127.0.0.1:$V1/0]
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
run_dir = $D
admin_socket = $D/\$name.asok
log_file = $D/log/\$name.log
mon_cluster_log_file = $D/log/cluster.log
crash_dir = $D/log
debug_ms = 0
ms_mon_client_mode = crc
ms_mon_cluster_mode = crc
ms_mon_service_mode = crc
mon_warn_on_insecure_global_id_reclaim_allowed = false
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_pool_default_read_lease_ratio = 0.05
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
[mon]
mon_data = $D/mon
paxos_propose_interval = 0.02
paxos_min_wait = 0.01
mon_data_avail_warn = 1
mon_data_avail_crit = 1
mon_osd_nearfull_ratio = 0.90
mon_osd_backfillfull_ratio = 0.92
mon_osd_full_ratio = 0.97
[osd]
osd_data = $D/osd
osd_objectstore = $STORE
bluestore_block_size = 3221225472
bluestore_block_create = true
bluestore_fsck_on_mount = false
bluestore_fsck_on_mkfs = false
memstore_device_bytes = 4294967296
osd_class_load_list = *
osd_class_default_list = *
osd_memory_target = 1073741824
osd_client_watch_timeout = 3
[client]
objecter_timeout = 1
objecter_tick_interval = 0.25
rgw_data = $D/rgw
rgw_frontends = beast endpoint=127.0.0.1:$PORT tcp_nodelay=1
rgw_dns_name = localhost
rgw_enable_usage_log = false
rgw_enable_ops_log = false
rgw_dynamic_resharding = false
rgw_run_sync_thread = false
rgw_enable_quota_threads = false
rgw_enable_apis = s3, admin, sts, iam
rgw_sts_key = 0123456789abcdef
rgw_s3_auth_use_sts = true
rgw_rados_pool_pg_num_min = 4
rgw_thread_pool_size = 64
CONF
  monmaptool --create --fsid "$FSID" --addv a "[v2:127.0.0.1:$V2,v1:127.0.0.1:$V1]" "$D/monmap" >"$D/log/setup" 2>&1
  ceph-mon -c "$C" -i a --mkfs --monmap "$D/monmap" >>"$D/log/setup" 2>&1
fi
ceph-mon -c "$C" -i a -f >>"$D/log/mon.out" 2>&1 & echo $! >"$D/mon.pid"
for i in 1 2 3 4 5; do sleep .1; kill -0 "$(cat "$D/mon.pid")" 2>/dev/null; done  # it exits 28 when the disk is >=99% full
if [ $new = 1 ]; then
  U=$(cat /proc/sys/kernel/random/uuid)
  ceph -c "$C" --connect-timeout 30 osd new "$U" >>"$D/log/setup" 2>&1
  ceph-osd -c "$C" -i 0 --mkfs --osd-uuid "$U" --no-mon-config >>"$D/log/setup" 2>&1
fi
ceph-osd -c "$C" -i 0 -f >>"$D/log/osd.out" 2>&1 & echo $! >"$D/osd.pid"
if [ $new = 1 ]; then
  timeout 60 radosgw-admin -c "$C" user create --uid=ci --display-name=ci \
    --access-key="$AK" --secret-key="$SK" >>"$D/log/setup" 2>&1
fi
radosgw -c "$C" -n client.rgw -f >>"$D/log/rgw.out" 2>&1 & echo $! >"$D/rgw.pid"
for i in $(seq 600); do
  if curl -fs -o /dev/null "http://127.0.0.1:$PORT/"; then touch "$D/ready"; exit 0; fi
  kill -0 "$(cat "$D/rgw.pid")" 2>/dev/null
  sleep .1
done
false   # radosgw never answered -> trap
