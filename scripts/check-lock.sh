#!/bin/sh
# Fails when `npm ci` would: some registries carry platform packages late, and a lock written then lacks them.
missing=$(npm ci --dry-run --ignore-scripts 2>&1 | grep -c 'Missing:')
hosts=$(grep -c '"resolved": "http' package-lock.json)
echo "package-lock.json: $missing missing, $hosts download addresses"
[ "$missing" = 0 ] && [ "$hosts" = 0 ]
