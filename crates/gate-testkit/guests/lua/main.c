/* lua [FILE [ARGUMENT]...]: runs a Lua program, or standard input. Programs have one more function, sleep(MILLISECONDS). */
#include <stdio.h>
#include <time.h>

#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"

static int with_traceback(lua_State *state) {
    const char *message = luaL_tolstring(state, 1, NULL);
    luaL_traceback(state, state, message, 1);
    return 1;
}

static int sleep_millis(lua_State *state) {
    lua_Integer millis = luaL_checkinteger(state, 1);
    struct timespec time = {millis / 1000, millis % 1000 * 1000000};
    return nanosleep(&time, NULL) == 0 ? 0 : luaL_error(state, "cannot sleep");
}

int main(int argc, char **argv) {
    const char *file = argc > 1 ? argv[1] : NULL;
    lua_State *state = luaL_newstate();
    if (state == NULL) {
        fputs("lua: out of memory\n", stderr);
        return 1;
    }
    luaL_openlibs(state);
    lua_register(state, "sleep", sleep_millis);
    lua_createtable(state, argc, 1);
    for (int i = 1; i < argc; i++) {
        lua_pushstring(state, argv[i]);
        lua_rawseti(state, -2, i - 1);
    }
    lua_setglobal(state, "arg");

    lua_pushcfunction(state, with_traceback);
    int status = luaL_loadfile(state, file);
    if (status == LUA_OK)
        status = lua_pcall(state, 0, 0, -2);
    if (status != LUA_OK)
        fprintf(stderr, "lua: %s\n", lua_tostring(state, -1));
    lua_close(state);
    return status == LUA_OK ? 0 : 1;
}
