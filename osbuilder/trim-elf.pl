#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# trim-elf.pl IN OUT: leaves out of an x86-64 kernel what needs not be stored:
# runs of 64 KiB and more of pages that hold nothing but zeros or nothing but
# trap instructions (0xcc), the linker's padding between parts of the kernel
# that page tables keep apart. Memory starts as zeros. A VMM that keeps the
# file and a copy of it in guest memory saves each byte twice.
#
# Part of kata-osbuilder: runs when a kernel is built, as an ordinary user, on
# the file that was just linked. Section headers are left out too.

use strict;
use warnings;

use constant PAGE => 4096;
use constant RUN => 16;    # pages
use constant PT_LOAD => 1;
use constant PHDR => 'L<2Q<6';    # type flags offset vaddr paddr filesz memsz align
use constant PHDR_SIZE => 56;

die "usage: trim-elf.pl IN OUT\n" unless @ARGV == 2;
my ($in, $out) = @ARGV;

sub fail { die "trim-elf.pl: $in: $_[0]\n" }

open(my $file, '<:raw', $in) or fail("open: $!");
my $elf = do { local $/; <$file> };
close($file);
fail('no 64-bit little-endian ELF file')
	unless defined $elf && length($elf) > 64 && substr($elf, 0, 6) eq "\x7fELF\x02\x01";
my ($phoff, $phsize, $phnum) = (unpack('Q<', substr($elf, 32, 8)), unpack('S<2', substr($elf, 54, 4)));
fail('unexpected program headers')
	if $phsize != PHDR_SIZE || $phoff + $phnum * $phsize > length($elf);

# Is page number $page of this data padding?
sub is_padding {
	my ($data, $page) = @_;
	my $text = substr($$data, $page * PAGE, PAGE);
	return length($text) == PAGE && ($text !~ /[^\x00]/ || $text !~ /[^\xcc]/);
}

# The parts of a segment that are kept: [first byte, last byte + 1]...
sub kept_parts {
	my ($data) = @_;
	my $pages = int((length($$data) + PAGE - 1) / PAGE);
	my @parts;
	my ($start, $run) = (0, 0);
	for my $page (0 .. $pages) {
		if ($page < $pages && is_padding($data, $page)) {
			$run++;
			next;
		}
		if ($run >= RUN) {
			my $end = ($page - $run) * PAGE;
			push @parts, [ $start, $end ] if $end > $start;
			$start = $page * PAGE;
		}
		$run = 0;
	}
	push @parts, [ $start, length($$data) ] if length($$data) > $start || !@parts;
	return @parts;
}

my (@headers, @bodies);
for my $i (0 .. $phnum - 1) {
	my ($type, $flags, $offset, $vaddr, $paddr, $filesz, $memsz, $align) =
		unpack(PHDR, substr($elf, $phoff + $i * $phsize, $phsize));
	fail("segment $i ends behind the file") if $offset + $filesz > length($elf);
	my $data = substr($elf, $offset, $filesz);
	if ($type != PT_LOAD || $filesz == 0 || $vaddr % PAGE) {
		push @headers, [ $type, $flags, $vaddr, $paddr, $filesz, $memsz, $align ];
		push @bodies, $data;
		next;
	}
	my @parts = kept_parts(\$data);
	for my $n (0 .. $#parts) {
		my ($from, $to) = @{ $parts[$n] };
		# what is not in the file belongs to the last part (bss)
		my $mem = $n == $#parts ? $memsz - $from : $to - $from;
		push @headers,
			[ $type, $flags, $vaddr + $from, $paddr + $from, $to - $from, $mem, PAGE ];
		push @bodies, substr($data, $from, $to - $from);
	}
}

# Written: header, program headers, then each body at a page.
my $at = 64 + @headers * PHDR_SIZE;
my ($table, $rest) = ('', '');
for my $i (0 .. $#headers) {
	my ($type, $flags, $vaddr, $paddr, $filesz, $memsz, $align) = @{ $headers[$i] };
	my $pad = (-$at) % PAGE;
	$rest .= "\0" x $pad . $bodies[$i];
	$table .= pack(PHDR, $type, $flags, $at + $pad, $vaddr, $paddr, $filesz, $memsz, $align);
	$at += $pad + length($bodies[$i]);
}
my $head = substr($elf, 0, 64);
substr($head, 32, 16) = pack('Q<2', 64, 0);
substr($head, 56, 8) = pack('S<4', scalar(@headers), 0, 0, 0);

open(my $new, '>:raw', $out) or die "trim-elf.pl: $out: $!\n";
print {$new} $head, $table, $rest or die "trim-elf.pl: $out: $!\n";
close($new) or die "trim-elf.pl: $out: $!\n";
