{
  "variables": {
    # Set FERRY_SANITIZE=address or thread to build with a sanitizer.
    "sanitize%": "<!(node -p \"process.env.FERRY_SANITIZE || ''\")"
  },
  "target_defaults": {
    "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
    "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
    "cflags_cc": ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Wno-cast-function-type", "-Wno-psabi"],
    "conditions": [["sanitize!=''", {
      "cflags_cc": ["-fsanitize=<(sanitize)", "-fno-omit-frame-pointer", "-g"],
      "ldflags": ["-fsanitize=<(sanitize)"]
    }]]
  },
  "targets": [{
    "target_name": "ferry_native",
    "conditions": [["OS=='linux'", {
      "sources": [
        "native/addon.cc",
        "native/beneath.cc",
        "native/blake3.cc",
        "native/chunker.cc",
        "native/content-calls.cc",
        "native/content.cc",
        "native/group-files.cc",
        "native/listing.cc",
        "native/watch.cc"
      ]
    }, { "type": "none" }]]
  }, {
    "target_name": "ferry_fuse",
    "conditions": [["OS=='linux'", {
      "sources": [
        "native/beneath.cc",
        "native/fuse/addon.cc",
        "native/fuse/apart-thread.cc",
        "native/fuse/attributes.cc",
        "native/fuse/backing.cc",
        "native/fuse/change-log.cc",
        "native/fuse/content.cc",
        "native/fuse/device.cc",
        "native/fuse/drive.cc",
        "native/fuse/engine.cc",
        "native/fuse/kept-attributes.cc",
        "native/fuse/listing-habits.cc",
        "native/fuse/mapped.cc",
        "native/fuse/mount.cc",
        "native/fuse/names.cc",
        "native/fuse/node.cc",
        "native/fuse/notify.cc",
        "native/fuse/parked.cc",
        "native/fuse/reading-turn.cc",
        "native/fuse/row.cc",
        "native/fuse/session.cc",
        "native/fuse/spare-files.cc",
        "native/fuse/tree.cc",
        "native/fuse/xattrs.cc"
      ]
    }, { "type": "none" }]]
  }]
}
