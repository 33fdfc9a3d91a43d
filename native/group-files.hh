// Groups of small files in one task each: a task costs more than the calls for one file.
#pragma once

#include <napi.h>

namespace ferry {

/**
 * Root, paths joined by NUL, contents, modes and times in ns since 1970 (the least number: none is set). Resolves to one
 * record for each file: what it is then, or the errno, and then nothing of it is left.
 */
Napi::Value CreateFiles(const Napi::CallbackInfo& info);

/**
 * Root, paths joined by NUL, and the most bytes of each that are wanted. Resolves to words and contents; the words of
 * a file are its record with the errno or 0 and, when there is none, the pair (1 if it is still the same after the
 * last byte, 0), in that case not the record of what it is then, and a word with the number of its bytes, -1 if they
 * were not read as it is no regular file or a larger one.
 */
Napi::Value ReadFiles(const Napi::CallbackInfo& info);

/** Root, paths joined by NUL, from and to in turn. Resolves to a record for each pair: what has the new name, or the errno. */
Napi::Value RenameFiles(const Napi::CallbackInfo& info);

/** Root, paths joined by NUL, parents before what is in them, and modes. Resolves to a record for each, or the errno. */
Napi::Value MakeDirectories(const Napi::CallbackInfo& info);

}  // namespace ferry
