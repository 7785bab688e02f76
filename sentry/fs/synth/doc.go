// Package synth is the toolkit for file systems that are made up as they are
// read, such as proc and sysfs: directories, files, symbolic links and magic
// links whose content functions give.
//
// A file system is a tree of nodes made by the methods of FS. A Dir's names are
// fixed before it is mounted; a LiveDir asks a Names for more, each time.
// Nothing can be made, removed or renamed by guests. Functions that give
// content are called without locks but that of the open file.
package synth
