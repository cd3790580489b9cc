# counts.cmake - the counts of docs/rfc-map.md and docs/conformance.md as the rows of C tables.
#
#     cmake -DMAP=docs/rfc-map.md -DSCORE=docs/conformance.md -DOUT=counts.inc -P counts.cmake
#
# CONFORMANCE(rfc, title, cells...) with one string a level; MUTATION(text) once.
set(text "/* Made by tools/gen-rfcmap/counts.cmake. */\n")
set(rows 0)
file(STRINGS ${MAP} lines REGEX "^\\| (\\[[0-9]+\\]|\\*\\*all\\*\\*)")
foreach(line IN LISTS lines)
    string(REPLACE "*" "" line "${line}")
    if(line MATCHES "^\\| \\[?([0-9a-z]+)\\]?[^|]* \\| ([^|]*) \\| ?([^| ]*) ?\\| ?([^| ]*) ?\\| ?([^| ]*) ?\\| ?([^| ]*) ?\\| ?([^| ]*) ?\\|$")
        string(APPEND text "CONFORMANCE(\"${CMAKE_MATCH_1}\", \"${CMAKE_MATCH_2}\", \"${CMAKE_MATCH_3}\", "
            "\"${CMAKE_MATCH_4}\", \"${CMAKE_MATCH_5}\", \"${CMAKE_MATCH_6}\", \"${CMAKE_MATCH_7}\")\n")
        math(EXPR rows "${rows} + 1")
    else()
        message(FATAL_ERROR "${MAP}: this row has another form: ${line}")
    endif()
endforeach()
if(rows LESS 3)
    message(FATAL_ERROR "${MAP} has no table of counts")
endif()
file(READ ${SCORE} score)
if(score MATCHES "last run ([0-9-]+): \\*\\*([0-9]+) of ([0-9]+) mutants killed, ([0-9.]+) %\\*\\*")
    string(APPEND text "MUTATION(\"${CMAKE_MATCH_1}\", ${CMAKE_MATCH_2}, ${CMAKE_MATCH_3})\n")
endif()
file(WRITE ${OUT} "${text}")
