#!/usr/bin/perl
# The Perl module Net::SMPP as the other side, see peer-process.ts: peer.pl esme|smsc
use strict;
use warnings;
use IO::Select;
use JSON::PP;
use Net::SMPP;

my $is_smsc = $ARGV[0] eq 'smsc';
my $json = JSON::PP->new->canonical;
# What is read from: standard input, connections, and the listening socket.
my $select = IO::Select->new(\*STDIN);
my ($listener, $typed) = (undef, '');
my %name_of;    # connection => system_id; an ESME has one, named ''
my %session;    # system_id => bound connection
my %waiting;    # connection and sequence number => number of the call
my $submits = 0;
my $is_mute = 0;    # requests are told of, and not answered
$| = 1;

while (1) {
    for my $ready ($select->can_read) {
        if ($ready == \*STDIN) {
            my $count = sysread STDIN, $typed, 65536, length $typed;
            exit 0 if !$count;
            command($json->decode($1)) while $typed =~ s/^(.*)\n//;
        } elsif ($listener && $ready == $listener) {
            $select->add($listener->accept);
        } else {
            receive($ready);
        }
    }
}

sub tell_line { print $json->encode({@_}), "\n" }

# Its octets and its fields: numbers and texts, the optional parameters aside.
sub shown {
    my ($pdu) = @_;
    my %fields;
    for my $name (grep !/^(\d.*|data|cmd|short_message|known_pdu|reserved)$/, keys %$pdu) {
        my $value = $pdu->{$name};
        $fields{$name} = $value if defined $value && !ref $value && $value =~ /^[\x20-\x7e]*$/;
    }
    my $octets = pack('NNNN', 16 + length $pdu->{data}, $pdu->{cmd}, $pdu->{status}, $pdu->{seq});
    return {
        command => $pdu->explain_cmd,
        command_status => $pdu->{status},
        octets => unpack('H*', $octets . $pdu->{data}),
        fields => \%fields,
    };
}

sub end_connection {
    my ($smpp) = @_;
    $select->remove($smpp);
    my $name = delete $name_of{$smpp};
    close $smpp;
    tell_line(event => 'closed', session => $name // '');
}

sub receive {
    my ($smpp) = @_;
    my $pdu = $smpp->read_pdu or return end_connection($smpp);
    my $name = $pdu->explain_cmd;
    my $call = delete $waiting{"$smpp $pdu->{seq}"} if $pdu->{cmd} & 0x80000000;
    if (defined $call) {
        tell_line(call => $call, pdu => shown($pdu));
    } elsif ($name =~ /^bind_\w+$/ && $name !~ /_resp$/) {
        my $respond = "${name}_resp";
        $name_of{$smpp} = $pdu->{system_id};
        $session{$pdu->{system_id}} = $smpp;
        $smpp->$respond(seq => $pdu->{seq}, system_id => 'perl');
        tell_line(event => 'bound', session => $pdu->{system_id});
    } elsif ($pdu->{cmd} < 0x80000000) {
        tell_line(event => 'pdu', session => $name_of{$smpp} // '', pdu => shown($pdu));
        answer($smpp, $pdu, $name) if !$is_mute;
    }
}

sub answer {
    my ($smpp, $pdu, $name) = @_;
    my $respond = "${name}_resp";
    my @fields = (seq => $pdu->{seq});
    push @fields, message_id => 'm' . ++$submits if $name eq 'submit_sm';
    push @fields, message_id => '' if $name =~ /^(deliver|data)_sm$/;
    push @fields, message_id => $pdu->{message_id}, message_state => 2 if $name eq 'query_sm';
    $smpp->$respond(@fields);
    end_connection($smpp) if $name eq 'unbind';
}

sub command {
    my ($order) = @_;
    my ($call, $do) = @{$order}{qw(call do)};
    my $smpp = $session{$order->{session} // ''};
    if ($do eq 'listen') {
        $listener = Net::SMPP->new_listen('127.0.0.1', port => $order->{port}) or die $!;
        $select->add($listener);
        tell_line(call => $call, result => {port => $listener->sockport});
    } elsif ($do eq 'bind') {
        my $new = 'new_' . ($order->{how} // 'bind_transceiver') =~ s/^bind_//r;
        my @account = map { $_ => $order->{$_} } grep exists $order->{$_},
            qw(port system_id password interface_version);
        ($smpp, my $response) = Net::SMPP->$new('127.0.0.1', @account);
        return tell_line(call => $call, error => "no answer: $!") if !$smpp || !$response;
        $select->add($smpp);
        $name_of{$smpp} = '';
        $session{''} = $smpp;
        tell_line(event => 'bound', session => '');
        tell_line(call => $call, pdu => shown($response));
    } elsif ($do eq 'mute') {
        $is_mute = 1;
        tell_line(call => $call);
    } elsif ($do eq 'drop') {
        end_connection($smpp) if $smpp && $smpp->opened;
        tell_line(call => $call);
    } else {
        my %fields = %{$order->{fields} // {}};
        $fields{short_message} = pack 'H*', $fields{short_message} if exists $fields{short_message};
        $fields{destination_addr} //= '' if $order->{command} eq 'cancel_sm';
        if (ref $fields{destination_addr}) {
            my @each = @{$fields{destination_addr}};
            @fields{qw(dest_addr_ton dest_addr_npi)} = ([map 1, @each], [map 1, @each]);
        }
        my $tlvs = $order->{tlvs} // {};
        my @optional = map { $_ => pack 'H*', $tlvs->{$_} } sort keys %$tlvs;
        my $request = $order->{command};
        my $sequence = $smpp->$request(%fields, @optional, async => 1);
        $waiting{"$smpp $sequence"} = $call;
    }
}
